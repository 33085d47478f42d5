// A Docker engine for the tests: the one that answers, or one of our own from Debian's package where that can be had.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_MS = 30_000;
const PACKAGES = ['docker.io', 'busybox-static'];

/** Sets DOCKER_HOST where it starts an engine. Answers how to stop it. Without an engine the Docker tests are skipped. */
export async function startDockerForTests(say) {
  if (answers() && has('busybox')) return async () => {};
  if (process.platform !== 'linux' || process.getuid() !== 0) {
    say('no Docker engine answers, and only root can start one: the tests that need it are skipped');
    return async () => {};
  }
  if (!has('dockerd') || !has('busybox')) {
    say(`installing ${PACKAGES.join(' and ')} for the tests (apt-get)`);
    const quiet = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
    spawnSync('apt-get', ['update', '-qq'], quiet);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES], quiet);
  }
  if (answers()) return async () => {};
  if (!has('dockerd')) {
    say('there is no dockerd and it cannot be installed: the tests that need Docker are skipped');
    return async () => {};
  }
  return startEngine(say);
}

async function startEngine(say) {
  const directory = mkdtempSync(join(tmpdir(), 'hybrid-docker-'));
  const host = `unix://${join(directory, 'docker.sock')}`;
  const log = join(directory, 'dockerd.log');
  const output = openSync(log, 'w');
  const folders = ['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')];
  const args = ['-H', host, '--pidfile', join(directory, 'pid'), ...folders];
  const engine = spawn('dockerd', args, { stdio: ['ignore', output, output], detached: true });
  const exited = new Promise((resolve) => engine.once('exit', resolve));
  engine.once('error', () => {});
  const stop = async () => {
    engine.kill('SIGTERM');
    await exited;
    spawnSync('sh', [
      '-c',
      `umount -R ${directory}/exec/netns/* ${directory}/data/overlay2/*/merged 2>/dev/null; true`,
    ]);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline && engine.exitCode === null;) {
    if (answers(host)) {
      process.env.DOCKER_HOST = host;
      say('started a Docker engine for the tests');
      return stop;
    }
    await new Promise((wake) => setTimeout(wake, 200));
  }
  const reason = readFileSync(log, 'utf8').trim().split('\n').at(-1);
  say(`dockerd does not start, so the tests that need Docker are skipped: ${reason}`);
  await stop();
  return async () => {};
}

function answers(host) {
  const env = host ? { ...process.env, DOCKER_HOST: host } : process.env;
  return (
    spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { env, stdio: 'ignore' }).status === 0
  );
}

function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}
