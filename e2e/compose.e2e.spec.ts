import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@hybrid/servers';
import { startPlatform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importNodeBaseImage, whyNoBaseImage } from './node-base-image.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const MINUTES = 60_000;

function run(program: string, args: string[], env: Record<string, string> = {}): SpawnSyncReturns<string> {
  return spawnSync(program, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } });
}

/** Like `run`, without blocking: a build takes minutes, and the test runner must stay alive to end it. */
async function runLong(
  program: string,
  args: string[],
  env: Record<string, string>,
): Promise<{ status: number | null; output: string }> {
  const child = spawn(program, args, { cwd: root, env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((done) => child.once('close', (status) => done({ status, output })));
}

/** The compose that is here, as the words of its command. Version 1 does not know the format that is in use since 2021. */
const compose = [['docker', 'compose'], ['docker-compose']].find(([program = '', ...args]) =>
  /^v?[2-9]/.test(run(program, [...args, 'version', '--short']).stdout ?? ''),
);
/** A docker whose BuildKit works: some builds of it want a plugin for that. */
const docker = ['/usr/bin/docker', 'docker'].find((program) => run(program, ['version']).status === 0);

describe('compose', () => {
  let secrets: string;
  beforeAll(() => {
    secrets = mkdtempSync(join(tmpdir(), 'hybrid-compose-'));
    expect(run(process.execPath, ['infra/make-secrets.mjs', secrets])).toMatchObject({ status: 0 });
  });
  afterAll(() => rmSync(secrets, { recursive: true }));

  it('makes a secret for every variable that the file asks for, once, for its owner alone', () => {
    const file = join(secrets, 'compose.env');
    const text = readFileSync(file, 'utf8');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const asked = [
      ...readFileSync(join(root, 'docker-compose.yml'), 'utf8').matchAll(
        /\$\{(\w+):\?|environment: (\w+)$/gm,
      ),
    ].map((match) => match[1] ?? match[2] ?? '');
    expect(asked.length).toBeGreaterThan(3);
    // Passwords and tokens; the installation's keys have a form of their own.
    for (const name of asked)
      expect(text).toMatch(new RegExp(`^${name}=(h[0-9a-f]{32,}|k1:[\\w-]{43})$`, 'm'));
    run(process.execPath, ['infra/make-secrets.mjs', secrets]);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('publishes on loopback only, pins every image, and has no password of its own', () => {
    const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
    const published = [...text.matchAll(/^\s+- ['"]?([\d.:]+:\d+)['"]?$/gm)].map((match) => match[1] ?? '');
    expect(published.length).toBeGreaterThan(1);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/);
    const images = [...text.matchAll(/^\s+image: (\S+)$/gm)].map((match) => match[1] ?? '');
    for (const image of images.filter((name) => !name.startsWith('hybrid')))
      expect(image).toMatch(/:v?\d+\.\d+/);
    expect(text).not.toMatch(/PASSWORD: (?!\$\{\w+:\?)/);
  });

  (compose ? it : it.skip)(`is valid${compose ? '' : ' (skipped: no docker compose 2 here)'}`, () => {
    const [program = '', ...args] = compose ?? [];
    const { status, stderr } = run(program, [
      ...args,
      '--env-file',
      join(secrets, 'compose.env'),
      'config',
      '--quiet',
    ]);
    expect({ status, stderr }).toMatchObject({ status: 0 });
  });
});

const reason = docker ? whyNoBaseImage() : 'no Docker engine answers';

(reason ? describe.skip : describe)(`image${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const base = `hybrid-test-base-${process.pid}:local`;
  const image = `hybrid-test-${process.pid}:local`;
  const program = docker ?? '';

  beforeAll(async () => {
    importNodeBaseImage(program, base);
    const args = [
      'build',
      '--network',
      'host',
      '--build-arg',
      `BASE_IMAGE=${base}`,
      '-t',
      image,
      '-f',
      'infra/Dockerfile',
      '.',
    ];
    const { status, output } = await runLong(program, args, {
      DOCKER_BUILDKIT: program === '/usr/bin/docker' ? '1' : '0',
    });
    if (status !== 0) throw new Error(`the image cannot be built:\n${output.slice(-5000)}`);
  }, 15 * MINUTES);
  afterAll(() => {
    run(program, ['image', 'rm', '--force', image, base]);
  });

  function start(command: string[], env: string[] = []): SpawnSyncReturns<string> {
    return run(program, [
      'run',
      '--rm',
      '--network',
      'none',
      ...env.flatMap((one) => ['-e', one]),
      image,
      ...command,
    ]);
  }

  it('is no root, and holds no sources, secrets or tools of the build', () => {
    const { stdout } = start([
      'sh',
      '-c',
      `id -u && touch /data/x && cd /app && ls -d \
        apps/queue/src node_modules/jest node_modules/rolldown infra/secrets 2>/dev/null`,
    ]);
    expect(stdout).toBe('1000\n');
  });

  it('starts every service as far as its settings', () => {
    const apps = ['queue', 'agents', 'pipelines', 'registry', 'deployments', 'routing', 'gateway'];
    // A container costs more than a process in it.
    const each = `for app in ${apps.join(' ')}; do
      if said=$(node dist/$app/main.js 2>&1); then code=0; else code=$?; fi
      case "$said" in *NATS_URL*) echo "$app $code";; *) echo "$app $code: $said";; esac
    done`;
    expect(start(['sh', '-c', each]).stdout.trim().split('\n')).toEqual(apps.map((app) => `${app} 1`));
  });

  it('starts a service as far as its servers, by the name in APP', () => {
    const { status, stderr } = start(
      [],
      [
        'APP=queue',
        'NATS_URL=nats://127.0.0.1:1',
        'EVENTSTORE_URL=esdb://127.0.0.1:1?tls=false',
        'DATABASE_URL=postgres://u:p@127.0.0.1:1/d',
      ],
    );
    expect(stderr).toMatch(/queue: .*DATABASE_URL/);
    expect(status).toBe(1);
  });

  it('runs the services as containers, on real servers, until they are ready', async () => {
    const platform = await startPlatform();
    const port = await freePort();
    const settings = {
      ...platform.settings,
      HYBRID_PORT: String(port),
      HYBRID_ADMIN_TOKEN: randomUUID(),
      HYBRID_JOIN_TOKEN: randomUUID(),
      HYBRID_KEYS: `k1:${'A'.repeat(43)}`,
      HYBRID_ARTIFACTS: '/data/artifacts',
    };
    const env = Object.entries(settings).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const containers = [
      'queue',
      'agents',
      'pipelines',
      'registry',
      'identity',
      'deployments',
      'routing',
      'gateway',
    ].map((app) => {
      const args = [
        'run',
        '--rm',
        '--detach',
        '--network',
        'host',
        ...env,
        image,
        'node',
        `dist/${app}/main.js`,
      ];
      return run(program, args).stdout.trim();
    });
    try {
      await eventually(async () => {
        const response = await fetch(`http://127.0.0.1:${port}/health/ready`);
        expect(await response.json()).toMatchObject({ status: 'ready' });
      }, 3 * MINUTES);
    } finally {
      run(program, ['stop', '--time', '10', ...containers]);
      await platform.stop();
    }
  });

  it('starts the agent', () => {
    expect(start(['node', 'dist/agent/main.js', '--help']).stdout).toContain('--join-token-file');
    expect(start(['node', 'dist/agent/main.js', '--url', 'http://127.0.0.1:1']).stderr).toContain(
      'no Docker engine answers',
    );
  });
});
