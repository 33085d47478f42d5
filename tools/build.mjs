// Bundles one app into dist/<app>/main.js. Workspace libraries are bundled from source; packages
// from npm stay external and are loaded from node_modules.
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Bundles the app in `apps/<name>`; answers the path of the bundle. Throws with rolldown's message. */
export async function buildApp(name) {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const bundle = await rolldown({
    input: { main: join(root, 'apps', name, 'src/main.ts') },
    cwd: root,
    platform: 'node',
    tsconfig: join(root, 'tsconfig.base.json'),
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('@hybrid/'),
    transform: { define: { HYBRID_VERSION: JSON.stringify(version) } },
    onLog(level, log, handler) {
      if (log.code !== 'EVAL') handler(level, log);
    },
  });
  const dir = join(root, 'dist', name);
  await bundle.write({ dir, format: 'esm', sourcemap: true, entryFileNames: '[name].js' });
  await bundle.close();
  return join(dir, 'main.js');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const name = process.argv[2];
  if (!name) {
    console.error('build: which app? node tools/build.mjs <name of a folder of apps/>');
    process.exit(2);
  }
  console.log(relative(root, await buildApp(name)));
}
