// A browser for the tests: the one that is there, or Debian's where that can be had.
import { spawnSync } from 'node:child_process';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Sets HYBRID_TEST_BROWSER to the program's path. Without one the tests of sign-in in a browser are skipped. */
export function findBrowserForTests(say) {
  if (process.env.HYBRID_TEST_BROWSER) return;
  let path = find();
  if (!path && process.platform === 'linux' && process.getuid() === 0) {
    say('installing chromium for the tests (apt-get)');
    const quiet = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
    spawnSync('apt-get', ['update', '-qq'], quiet);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], quiet);
    path = find();
  }
  if (path) process.env.HYBRID_TEST_BROWSER = path;
  else say('there is no chromium and it cannot be installed: the tests that need a browser are skipped');
}

function find() {
  for (const name of NAMES) {
    const { status, stdout } = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
  }
  return undefined;
}
