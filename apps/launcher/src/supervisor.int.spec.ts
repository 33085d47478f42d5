import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startProcess, startServer, type Server } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { supervise } from './supervisor.js';

describe('supervision', () => {
  let directory: string;
  let program: string;
  let server: Server | undefined;
  let stop: AbortController;
  const said: string[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-supervisor-'));
    program = join(directory, 'program.mjs');
    await writeFile(program, `console.log('{"ready":true}'); setInterval(() => {}, 1000);`);
    stop = new AbortController();
    said.length = 0;
    server = await startServer('part', async () => {
      const part = await startProcess({ name: 'part', command: process.execPath, args: [program] });
      await part.ready;
      return part;
    });
  });
  afterEach(async () => {
    stop.abort();
    await server?.kill();
    await rm(directory, { recursive: true, force: true });
  });
  const watch = () =>
    supervise(server!, { say: (text) => said.push(text), signal: stop.signal, firstPauseMs: 5 });

  it('starts a part again that dies, and ends when told', async () => {
    const done = watch();
    const { pid } = server!.process;
    process.kill(pid, 'SIGKILL');
    await eventually(() => expect(said.at(-1)).toBe('part is up again'));
    expect(said[0]).toBe('part ended unexpectedly (SIGKILL); it is started again in 0.005 s');
    expect(server!.process.pid).not.toBe(pid);
    stop.abort();
    await done;
    await server!.stop();
    expect(said).toHaveLength(2);
  });

  it('gives up on a part that keeps dying, with its last words', async () => {
    const done = watch();
    await writeFile(program, `console.error('no such table'); process.exit(3);`);
    process.kill(server!.process.pid, 'SIGKILL');
    await expect(done).rejects.toThrow(/part ended 6 times within a minute; its last words:/);
    expect(said.filter((text) => text.includes('no such table'))).toHaveLength(5);
  });
});
