/** Artifacts of runs, through the gateway. */
import type { ArtifactRef } from '@hybrid/contracts';
import {
  FILE_TYPE,
  packArtifact,
  sha256Of,
  StepProblem,
  TREE_TYPE,
  type ArtifactStore,
  type Downloaded,
} from '@hybrid/steps';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { GatewayClient } from './gateway-client.js';
import { GatewayAway, GatewayRefusal } from './gateway-client.js';

/** Milliseconds without a byte: the gateway hashes and commits a large upload before it answers. */
const IDLE_MS = 120_000;

export class GatewayArtifacts implements ArtifactStore {
  #files = 0;

  constructor(
    private readonly gateway: GatewayClient,
    /** Folder for files in passing. */
    private readonly scratch: string,
    /** Of each request: which attempt of which job wants it, and its trace. */
    private readonly headers: OutgoingHttpHeaders,
    private readonly signal: AbortSignal,
  ) {}

  async upload(execution: string, key: string, path: string): Promise<ArtifactRef> {
    const isTree = (await stat(path)).isDirectory();
    const file = isTree ? join(this.scratch, `upload-${this.#files++}.tar.gz`) : path;
    if (isTree) await packArtifact(path, key, file, this.signal);
    const { size } = await stat(file);
    const sha256 = await sha256Of(file);
    try {
      await this.gateway.retry(async () => {
        const response = await this.gateway.open({
          method: 'PUT',
          path: address(execution, key),
          body: createReadStream(file),
          headers: {
            'content-type': isTree ? TREE_TYPE : FILE_TYPE,
            'content-length': size,
            'x-content-sha256': sha256,
            ...this.headers,
          },
          idleMs: IDLE_MS,
          signal: this.signal,
        });
        response.resume();
      }, this.signal);
    } catch (error) {
      throw problemWith('stored', key, error);
    } finally {
      if (isTree) await rm(file, { force: true });
    }
    return { key, sha256, size };
  }

  async download(execution: string, key: string): Promise<Downloaded> {
    const file = join(this.scratch, `download-${this.#files++}`);
    try {
      return await this.gateway.retry(() => this.#downloadOnce(execution, key, file), this.signal);
    } catch (error) {
      throw problemWith('fetched', key, error);
    }
  }

  async look(execution: string, key: string): Promise<ArtifactRef> {
    try {
      const response = await this.gateway.retry(
        () =>
          this.gateway.open({
            method: 'HEAD',
            path: address(execution, key),
            headers: this.headers,
            signal: this.signal,
          }),
        this.signal,
      );
      response.resume();
      const { headers } = response;
      return {
        key,
        sha256: String(headers['x-content-sha256']),
        size: Number(headers['content-length'] ?? 0),
      };
    } catch (error) {
      throw problemWith('found', key, error);
    }
  }

  async #downloadOnce(execution: string, key: string, file: string): Promise<Downloaded> {
    const response = await this.gateway.open({
      method: 'GET',
      path: address(execution, key),
      headers: { accept: '*/*', ...this.headers },
      idleMs: IDLE_MS,
      signal: this.signal,
    });
    const hash = createHash('sha256');
    let size = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        size += chunk.length;
        done(null, chunk);
      },
    });
    try {
      await pipeline(response, measure, createWriteStream(file), { signal: this.signal });
    } catch (cause) {
      this.signal.throwIfAborted();
      throw new GatewayAway(`the artifact ${key} broke off: ${(cause as Error).message}`, { cause });
    }
    const sha256 = hash.digest('hex');
    const promised = response.headers['x-content-sha256'];
    if (promised !== sha256) {
      throw new StepProblem(
        `the artifact ${key} of ${execution} is not what was stored: its SHA-256 is ${sha256}, ` +
          `the store says ${String(promised ?? 'nothing')}; run the step that stores it again`,
      );
    }
    return { key, sha256, size, file, isTree: response.headers['content-type']?.split(';')[0] === TREE_TYPE };
  }
}

function address(execution: string, key: string): string {
  return `/api/artifacts/${encodeURIComponent(execution)}/${encodeURIComponent(key)}`;
}

function problemWith(done: string, key: string, error: unknown): unknown {
  if (!(error instanceof GatewayRefusal)) return error;
  if (error.status === 404) {
    return new StepProblem(
      `the artifact ${key} is not there: the step that stores it must run before, in the same run`,
      { cause: error },
    );
  }
  return new StepProblem(`the artifact ${key} could not be ${done}: ${error.code}: ${error.detail}`, {
    cause: error,
  });
}
