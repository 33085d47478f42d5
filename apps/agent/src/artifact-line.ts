/** Artifacts' bytes through the gateway: an upload and a download that break off go on from where they were. */
import { StepProblem, type Downloaded, type Kept } from '@hybrid/steps';
import { fileSha256 } from '@hybrid/stores';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { GatewayAway, GatewayRefusal, type GatewayClient } from './gateway-client.js';

/** Milliseconds without a byte: the gateway hashes and commits a large upload before it answers. */
const IDLE_MS = 120_000;

/** As it was stored. @property type media type. */
export type Fetched = Omit<Downloaded, 'isTree'> & { type: string };

export interface Artifact extends Kept {
  execution: string;
  key: string;
  size: number;
  sha256: string;
  /** Media type. */
  type: string;
}

/** Everything is tried again while the gateway is away. Throws GatewayRefusal. */
export class ArtifactLine {
  constructor(
    private readonly gateway: GatewayClient,
    private readonly headers: OutgoingHttpHeaders,
    private readonly signal: AbortSignal,
  ) {}

  async send(file: string, artifact: Artifact): Promise<void> {
    let begun = false;
    await this.gateway.retry(async () => {
      const offset = begun ? await this.#uploaded(artifact) : 0;
      begun = true;
      try {
        await this.#sendFrom(offset, file, artifact);
      } catch (error) {
        // What was there is there no more: it is asked again.
        if (!(error instanceof GatewayRefusal && error.code === 'upload_offset')) throw error;
        throw new GatewayAway(`the upload of ${artifact.key} was forgotten`, { cause: error });
      }
    }, this.signal);
  }

  /** Throws StepProblem where the bytes are not those that were stored. */
  async fetch(execution: string, key: string, file: string): Promise<Fetched> {
    const { headers } = await this.gateway.retry(() => this.#fetchOn(execution, key, file), this.signal);
    const { size } = await stat(file);
    const sha256 = await fileSha256(file);
    const promised = headers['x-content-sha256'];
    if (promised !== sha256) {
      throw new StepProblem(
        `the artifact ${key} of ${execution} is not what was stored: its SHA-256 is ${sha256}, ` +
          `the store says ${String(promised ?? 'nothing')}; run the step that stores it again`,
      );
    }
    return { key, sha256, size, file, type: typeOf(headers) };
  }

  /** What is stored, and where if the gateway has it not. */
  async look(execution: string, key: string): Promise<Artifact & { location?: string }> {
    const { headers } = await this.gateway.retry(async () => {
      const response = await this.gateway.open({
        method: 'HEAD',
        path: address(execution, key),
        headers: this.headers,
        signal: this.signal,
      });
      response.resume();
      return response;
    }, this.signal);
    return {
      execution,
      key,
      sha256: String(headers['x-content-sha256']),
      size: Number(headers['content-length'] ?? 0),
      type: typeOf(headers),
      location: [headers['x-artifact-location']].flat()[0],
    };
  }

  async #uploaded({ execution, key, sha256 }: Artifact): Promise<number> {
    const { offset } = await this.gateway.call<{ offset: number }>({
      method: 'GET',
      path: `${address(execution, key)}/upload?sha256=${sha256}`,
      headers: this.headers,
      signal: this.signal,
    });
    return offset;
  }

  async #sendFrom(offset: number, file: string, artifact: Artifact): Promise<void> {
    const { execution, key, size, sha256, type, retentionDays } = artifact;
    const query = new URLSearchParams({
      ...(offset > 0 && { offset: String(offset), sha256 }),
      ...(retentionDays !== undefined && { retention_days: String(retentionDays) }),
    });
    const response = await this.gateway.open({
      method: 'PUT',
      path: `${address(execution, key)}${query.size > 0 ? `?${query.toString()}` : ''}`,
      body: createReadStream(file, { start: offset }),
      headers: {
        'content-type': type,
        'content-length': size - offset,
        'x-content-sha256': offset > 0 ? await sha256From(file, offset) : sha256,
        ...this.headers,
      },
      idleMs: IDLE_MS,
      signal: this.signal,
    });
    response.resume();
  }

  async #fetchOn(execution: string, key: string, file: string): Promise<IncomingMessage> {
    const have = (await stat(file).catch(() => null))?.size ?? 0;
    const response = await this.gateway.open({
      method: 'GET',
      path: address(execution, key),
      headers: { accept: '*/*', ...(have > 0 && { range: `bytes=${have}-` }), ...this.headers },
      idleMs: IDLE_MS,
      signal: this.signal,
    });
    if (response.statusCode !== 206) await rm(file, { force: true });
    try {
      await pipeline(response, createWriteStream(file, { flags: 'a' }), { signal: this.signal });
    } catch (cause) {
      this.signal.throwIfAborted();
      throw new GatewayAway(`the artifact ${key} broke off: ${(cause as Error).message}`, { cause });
    }
    return response;
  }
}

export function address(execution: string, key: string): string {
  return `/api/artifacts/${encodeURIComponent(execution)}/${encodeURIComponent(key)}`;
}

export function isElsewhere(error: unknown): boolean {
  return error instanceof GatewayRefusal && error.code === 'artifact_elsewhere';
}

function typeOf(headers: IncomingMessage['headers']): string {
  return headers['content-type']?.split(';')[0] ?? '';
}

async function sha256From(file: string, offset: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { start: offset }) as AsyncIterable<Buffer>)
    hash.update(chunk);
  return hash.digest('hex');
}
