/** Artifacts of runs: through the gateway, or in the customer's own store, of which the gateway is told. */
import type { ArtifactRef } from '@hybrid/contracts';
import {
  artifactObject,
  FILE_TYPE,
  packArtifact,
  StepProblem,
  TREE_TYPE,
  type ArtifactStore,
  type Downloaded,
  type Kept,
} from '@hybrid/steps';
import { fetchFile, fileSource, StoreProblem, type ObjectStore, type Source } from '@hybrid/stores';
import { rm, stat } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { ArtifactLine, address, isElsewhere, type Artifact } from './artifact-line.js';
import { GatewayRefusal, type GatewayClient } from './gateway-client.js';
import { retryAway } from './store-retry.js';

export class GatewayArtifacts implements ArtifactStore {
  #files = 0;
  readonly #line: ArtifactLine;

  constructor(
    private readonly gateway: GatewayClient,
    /** Folder for files in passing. */
    private readonly scratch: string,
    /** Of each request: which attempt of which job wants it, and its trace. */
    private readonly headers: OutgoingHttpHeaders,
    private readonly signal: AbortSignal,
    /** The customer's, where the bytes stay; without it the gateway gets them. */
    private readonly own?: ObjectStore,
  ) {
    this.#line = new ArtifactLine(gateway, headers, signal);
  }

  async upload(execution: string, key: string, path: string, kept: Kept = {}): Promise<ArtifactRef> {
    const isTree = (await stat(path)).isDirectory();
    const file = isTree ? join(this.scratch, `upload-${this.#files++}.tar.gz`) : path;
    try {
      if (isTree) await packArtifact(path, key, file, this.signal);
      const source = await fileSource(file);
      const { size, sha256 } = source;
      const artifact: Artifact = {
        execution,
        key,
        size,
        sha256,
        type: isTree ? TREE_TYPE : FILE_TYPE,
        ...kept,
      };
      if (this.own) await this.#keep(this.own, source, artifact);
      else await this.#line.send(file, artifact);
      return { key, sha256, size };
    } catch (error) {
      throw problemWith('stored', key, error);
    } finally {
      if (isTree) await rm(file, { force: true });
    }
  }

  async download(execution: string, key: string): Promise<Downloaded> {
    const file = join(this.scratch, `download-${this.#files++}`);
    try {
      return await this.#line.fetch(execution, key, file);
    } catch (error) {
      if (!isElsewhere(error)) throw problemWith('fetched', key, error);
    }
    try {
      const found = await this.#line.look(execution, key);
      await this.#fetchOwn(found, file);
      return { key, sha256: found.sha256, size: found.size, file, isTree: found.type === TREE_TYPE };
    } catch (error) {
      throw problemWith('fetched', key, error);
    }
  }

  async look(execution: string, key: string): Promise<ArtifactRef> {
    try {
      const { size, sha256 } = await this.#line.look(execution, key);
      return { key, size, sha256 };
    } catch (error) {
      throw problemWith('found', key, error);
    }
  }

  /** Bytes first: the gateway is told of what is there. */
  async #keep(own: ObjectStore, source: Source, artifact: Artifact): Promise<void> {
    const { execution, key, size, sha256, type, retentionDays } = artifact;
    const object = artifactObject(execution, key, sha256);
    await retryAway(() => own.put(object, source, this.signal), this.signal);
    await this.gateway.insist({
      method: 'POST',
      path: `${address(execution, key)}/metadata`,
      json: {
        size,
        sha256,
        content_type: type,
        location: `${own.location}/${object}`,
        ...(retentionDays !== undefined && { retention_days: retentionDays }),
      },
      headers: this.headers,
      signal: this.signal,
    });
  }

  async #fetchOwn(
    { key, location = '', ...expected }: Artifact & { location?: string },
    file: string,
  ): Promise<void> {
    const { own } = this;
    if (!own || !location.startsWith(`${own.location}/`))
      throw new StepProblem(
        `the artifact ${key} lies at ${location}, and this agent ${own ? `stores at ${own.location}` : 'has no store of its own'}: ` +
          `start it with an --artifact-store that leads there`,
      );
    const object = location.slice(own.location.length + 1);
    await retryAway(() => fetchFile(own, object, file, expected, this.signal), this.signal);
  }
}

function problemWith(done: string, key: string, error: unknown): unknown {
  if (error instanceof StoreProblem) {
    const remedy =
      error.fault === 'damaged' || error.fault === 'missing' ? '; run the step that stores it again' : '';
    return new StepProblem(`the artifact ${key} could not be ${done}: ${error.message}${remedy}`, {
      cause: error,
    });
  }
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
