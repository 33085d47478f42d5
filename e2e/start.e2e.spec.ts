import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunSummary } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeRepository } from './repository.js';

const root = join(import.meta.dirname, '..');

describe('npm start', () => {
  let directory: string;
  let data: string;
  const children: { pid: number; exited: Promise<void> }[] = [];
  beforeAll(async () => {
    if (!existsSync(join(root, 'node_modules/.hybrid-lock')))
      throw new Error('npm start would install anew what these tests run on: run `npm run check` first');
    directory = await mkdtemp(join(tmpdir(), 'hybrid-start-'));
    data = join(directory, 'data');
  });
  afterAll(async () => {
    for (const { pid, exited } of children) {
      try {
        process.kill(-pid, 'SIGTERM');
      } catch {
        // It has ended already, as it should.
      }
      await exited;
    }
    await rm(directory, { recursive: true, force: true });
  });

  /** As a user types it, but on a free port and without Docker, so that it does not depend on what the machine has. */
  function start(args: string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn('npm', ['start', '--', ...args], {
      cwd: root,
      env: {
        ...process.env,
        HYBRID_DATA: data,
        HYBRID_PORT: '0',
        DOCKER_HOST: 'tcp://127.0.0.1:1',
        NO_COLOR: '1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const started = { pid: child.pid!, output: '', code: undefined as number | null | undefined };
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part) => (started.output += String(part)));
    const exited = new Promise<void>((resolve) =>
      child.once('close', (code) => ((started.code = code), resolve())),
    );
    children.push({ pid: started.pid, exited });
    return { started, exited };
  }

  it('runs the example to success and ends with --once, token and data kept to oneself', async () => {
    const { started, exited } = start(['--once']);
    await exited;
    expect(started).toMatchObject({ code: 0 });
    expect(started.output).toMatch(/ready http:\/\/127\.0\.0\.1:\d+/);
    expect(started.output).toContain('│ running on the host, without a sandbox (process executor)');
    expect(started.output).toMatch(/run \S+ succeeded/);
    const token = (await readFile(join(data, 'admin-token'), 'utf8')).trim();
    expect((await stat(join(data, 'admin-token'))).mode & 0o777).toBe(0o600);
    expect(started.output).not.toContain(token);
    await eventually(async () => expect(await left()).toEqual([]));
  });

  it('goes on with the same data, stays up, and stops cleanly with Ctrl-C', async () => {
    const { started, exited } = start([]);
    const url = await eventually(() => {
      expect(started.output).toMatch(/run \S+ succeeded/);
      return /ready (http:\S+)/.exec(started.output)![1]!;
    }, 120_000);
    expect(started.output).toContain('or with a browser, by this link');
    expect(started.output).toMatch(new RegExp(`  ${url}/auth/invitation#hyi_\\w+`));
    const token = (await readFile(join(data, 'admin-token'), 'utf8')).trim();
    const response = await fetch(`${url}/api/runs`, { headers: { authorization: `Bearer ${token}` } });
    const { runs } = (await response.json()) as { runs: RunSummary[] };
    expect(runs.map(({ pipeline, status }) => `${pipeline} ${status}`)).toEqual([
      'hello-service SUCCEEDED',
      'hello-service SUCCEEDED',
    ]);
    // As the terminal does it: to npm and everything below it at once.
    process.kill(-started.pid, 'SIGINT');
    await exited;
    expect(started.code).toBe(0);
    await eventually(async () => expect(await left()).toEqual([]));
  });

  it('runs a repository that was not made for it, and answers its failure', async () => {
    const packageJson = (test: string) =>
      JSON.stringify({ name: 'foreign', version: '1.0.0', scripts: { test } });
    const good = await makeRepository(join(directory, 'good'), {
      'package.json': packageJson('node -e "1"'),
      'a.js': '',
    });
    const first = start(['--once', '--repo', good.path]);
    await first.exited;
    expect(first.started.output).toMatch(/run \S+ succeeded/);
    expect(first.started.code).toBe(0);

    const bad = await makeRepository(join(directory, 'bad'), {
      'package.json': packageJson('node -e "process.exit(3)"'),
    });
    const second = start(['--once', '--repo', bad.path]);
    await second.exited;
    expect(second.started.output).toMatch(/run \S+ failed/);
    expect(second.started.code).toBe(1);
  });

  it('says what to do when there is no git', async () => {
    const { started, exited } = start(['--once'], { PATH: await pathWithout('git') });
    await exited;
    expect(started.code).toBe(1);
    expect(started.output).toContain('git is not on this machine: install it');
  });

  /** Processes that still work in the data directory. */
  async function left(): Promise<string[]> {
    const found: string[] = [];
    const listing = spawn('ps', ['-eo', 'args'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    listing.stdout.on('data', (part) => (text += String(part)));
    await new Promise((resolve) => listing.once('close', resolve));
    for (const line of text.split('\n')) if (line.includes(data)) found.push(line);
    return found;
  }

  /** A directory with links to node, npm and a shell, and nothing else. */
  async function pathWithout(missing: string): Promise<string> {
    const { symlink, mkdir, access } = await import('node:fs/promises');
    const bin = join(directory, `bin-without-${missing}`);
    await mkdir(bin);
    for (const program of ['node', 'npm', 'sh', 'env'])
      for (const folder of (process.env['PATH'] ?? '').split(':')) {
        const found = await access(join(folder, program)).then(
          () => true,
          () => false,
        );
        if (!found) continue;
        await symlink(join(folder, program), join(bin, program));
        break;
      }
    return bin;
  }
});
