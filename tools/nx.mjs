// Runs nx without its daemon, its cloud or its terminal interface, so that nothing outlives the command.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const nx = createRequire(import.meta.url).resolve('nx/bin/nx.js');
const { status } = spawnSync(process.execPath, [nx, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: {
    ...process.env,
    NX_DAEMON: 'false',
    NX_TUI: 'false',
    NX_NO_CLOUD: 'true',
    NX_ISOLATE_PLUGINS: 'false',
    NX_SKIP_NATIVE_FILE_CACHE: 'true',
  },
});
process.exit(status ?? 1);
