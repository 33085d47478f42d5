// Copies the service to dist/ and writes what it was built from beside it.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const { name, version } = JSON.parse(await readFile('package.json', 'utf8'));
await rm('dist', { recursive: true, force: true });
await mkdir('dist');
const files = {};
for (const file of (await readdir('src')).sort()) {
  await copyFile(join('src', file), join('dist', file));
  files[file] = createHash('sha256')
    .update(await readFile(join('src', file)))
    .digest('hex');
}
await writeFile('dist/package.json', `${JSON.stringify({ name, version, type: 'module' }, null, 2)}\n`);
const commit = process.env.HYBRID_COMMIT ?? null;
await writeFile(
  'dist/build-info.json',
  `${JSON.stringify({ name, version, commit, node: process.version, files }, null, 2)}\n`,
);
console.log(`built ${name} ${version}: ${Object.keys(files).length} files in dist/`);
