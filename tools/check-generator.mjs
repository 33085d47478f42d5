// Writes a service with the generator, checks, tests and builds it, and takes it away again.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, Tally } from './commands.mjs';
import { newService } from './new-service.mjs';

const SERVICE = 'generatorcheck';
const folder = join(root, 'apps', SERVICE);
const bundle = join(root, 'dist', SERVICE);
const clean = () => [folder, bundle].forEach((path) => rmSync(path, { recursive: true, force: true }));

clean();
process.on('exit', clean);
await newService(SERVICE, 'sample');
const tally = new Tally();
const prettier = join(root, 'node_modules/prettier/bin/prettier.cjs');
await tally.check('generated: format', prettier, '--write', '--log-level=warn', folder);
const tsc = join(root, 'node_modules/typescript/bin/tsc');
await Promise.all([
  tally.check('generated: types', tsc, '--noEmit', '--incremental', 'false', '-p', 'tsconfig.json'),
  (async () => {
    // The boundary rule reads Nx's cached project graph, which does not know the new service yet.
    await tally.check('generated: project graph', 'tools/nx.mjs', 'show', 'project', SERVICE, '--json');
    await tally.check('generated: lint', join(root, 'node_modules/eslint/bin/eslint.js'), folder);
  })(),
]);
await tally.check('generated: build', 'tools/build.mjs', SERVICE);
await tally.specs('unit', folder);
await tally.specs('int', folder);
process.exit(tally.close());
