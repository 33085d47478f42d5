import { createServer, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chooseSandbox } from './sandbox.js';

describe('where steps run', () => {
  let directory: string;
  let engine: Server | undefined;
  let env: NodeJS.ProcessEnv;
  const said: string[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-sandbox-'));
    env = { DOCKER_HOST: `unix://${directory}/docker.sock` };
    said.length = 0;
  });
  afterEach(async () => {
    engine?.closeAllConnections();
    await new Promise<void>((closed) => (engine ? engine.close(() => closed()) : closed()));
    engine = undefined;
    await rm(directory, { recursive: true, force: true });
  });

  /** An engine that has no image, and answers a pull with these lines. */
  const engineAnswers = async (hasImage: boolean, pull: string) => {
    engine = createServer((request, response) => {
      if (request.url === '/_ping') response.end('OK');
      else if (request.url?.startsWith('/images/create')) response.end(pull);
      else response.writeHead(hasImage ? 200 : 404).end('{"message":"No such image"}');
    });
    await new Promise<void>((listening) => engine?.listen(`${directory}/docker.sock`, listening));
  };
  const choose = () => chooseSandbox(env, (text) => said.push(text));

  it('is the host when no engine answers', async () => {
    expect(await choose()).toEqual({
      executor: 'process',
      image: 'node:20-slim',
      note: 'no Docker engine answers',
    });
  });

  it('is a container when the engine has the image', async () => {
    await engineAnswers(true, '');
    expect(await choose()).toEqual({ executor: 'docker', image: 'node:20-slim' });
    expect(said).toEqual([]);
  });

  it('is a container when the engine can fetch the image, which is said', async () => {
    await engineAnswers(false, '{"status":"Pulling"}\n{"status":"Downloaded"}\n');
    expect((await choose()).executor).toBe('docker');
    expect(said[0]).toContain('fetching the container image node:20-slim');
  });

  it('is the host, with the reason, when the engine cannot fetch it', async () => {
    await engineAnswers(false, '{"status":"Pulling"}\n{"error":"no such host"}\n');
    expect(await choose()).toMatchObject({
      executor: 'process',
      note: expect.stringMatching(/no such host.*HYBRID_DEFAULT_IMAGE/),
    });
  });

  it('is what the settings say, without asking', async () => {
    env['HYBRID_EXECUTOR'] = 'process';
    expect(await choose()).toEqual({ executor: 'process', image: 'node:20-slim' });
    expect(await chooseSandbox({ DOCKER_HOST: 'tcp://example.invalid:1' }, () => undefined)).toEqual({
      executor: 'auto',
      image: 'node:20-slim',
    });
  });
});
