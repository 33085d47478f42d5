// Runs one kind of spec: node tools/jest.mjs unit|int|e2e [jest's own arguments].
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const [kind, ...args] = process.argv.slice(2);
if (!['unit', 'int', 'e2e'].includes(kind)) {
  console.error('jest: which kind of spec? node tools/jest.mjs unit|int|e2e [arguments for jest]');
  process.exit(2);
}
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const { status } = spawnSync(process.execPath, [jest, ...args], {
  stdio: 'inherit',
  env: {
    ...process.env,
    SPEC_KIND: kind,
    NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
  },
});
process.exit(status ?? 1);
