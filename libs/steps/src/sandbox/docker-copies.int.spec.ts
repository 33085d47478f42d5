import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import Docker from 'dockerode';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { ContainerFiles } from './docker-files.js';

describe('copies of a step that is cancelled end at once', () => {
  let folder: string;
  let engine: Server;
  /** Requests that the engine has begun to hear, or to answer. */
  let asked: string[];
  let control: AbortController;
  let files: ContainerFiles;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-copies-'));
    asked = [];
    control = new AbortController();
    const socketPath = join(folder, 'engine.sock');
    // An engine that takes for ever: it hears nothing of what comes, and answers the beginning of a file.
    engine = createServer((request, response) => {
      asked.push(request.method ?? '');
      if (request.method !== 'GET') return;
      response.writeHead(200, { 'content-type': 'application/x-tar' });
      const tar = pack();
      tar.entry({ name: 'file', size: 1_000_000 }).write('begun');
      tar.on('data', (chunk) => response.write(chunk as Buffer));
    });
    await new Promise<void>((resolve) => engine.listen(socketPath, resolve));
    const container = new Docker({ socketPath }).getContainer('c');
    const root = { uid: 0, gid: 0, home: '/root' };
    files = new ContainerFiles(container, join(folder, 'scratch'), '/workspace', root, control.signal);
  });
  afterEach(async () => {
    engine.closeAllConnections();
    await new Promise((resolve) => engine.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  async function cancelled(copy: Promise<unknown>): Promise<void> {
    const ended = expect(copy).rejects.toThrow('cancelled');
    await eventually(() => expect(asked).toHaveLength(1));
    control.abort(new Error('cancelled'));
    await ended;
  }

  it('into its container', async () => {
    const workspace = join(folder, 'workspace');
    await mkdir(workspace);
    await writeFile(join(workspace, 'large'), '');
    await truncate(join(workspace, 'large'), 100_000_000);
    await cancelled(files.put(workspace, '.'));
  });

  it('out of it', () => cancelled(files.collect('file')));

  it('and none begins after that', async () => {
    control.abort(new Error('cancelled'));
    await expect(files.collect('file')).rejects.toThrow('cancelled');
    await expect(files.putOwn({ file: '' })).rejects.toThrow('cancelled');
  });
});
