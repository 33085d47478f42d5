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
import { SEALED_TYPE } from '@hybrid/sealed';
import {
  fetchFile,
  fileSha256,
  fileSource,
  StoreProblem,
  type ObjectStore,
  type Source,
} from '@hybrid/stores';
import { rm, stat } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { ArtifactLine, address, isElsewhere, type Artifact, type Fetched } from './artifact-line.js';
import { GatewayRefusal, type GatewayClient } from './gateway-client.js';
import { openFile, sealFile } from './sealed-files.js';
import type { ArtifactSealing } from './sealing.js';
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
    private readonly sealing: ArtifactSealing,
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
      const type = isTree ? TREE_TYPE : FILE_TYPE;
      const artifact = { execution, key, type, ...kept };
      if (this.sealing.recipients.length === 0) return await this.#store(file, artifact);
      return await this.#storeSealed(file, artifact);
    } catch (error) {
      throw problemWith('stored', key, error);
    } finally {
      if (isTree) await rm(file, { force: true });
    }
  }

  async download(execution: string, key: string): Promise<Downloaded> {
    const file = join(this.scratch, `download-${this.#files++}`);
    try {
      const { type, ...found } = await this.#fetch(execution, key, file);
      if (type !== SEALED_TYPE) return { ...found, isTree: type === TREE_TYPE };
      const opened = `${file}.open`;
      const isTree =
        (await openFile({ execution, key }, file, opened, this.sealing, this.signal)) === TREE_TYPE;
      await rm(file);
      return { ...found, file: opened, isTree };
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

  async #fetch(execution: string, key: string, file: string): Promise<Fetched> {
    try {
      return await this.#line.fetch(execution, key, file);
    } catch (error) {
      if (!isElsewhere(error)) throw error;
    }
    const found = await this.#line.look(execution, key);
    await this.#fetchOwn(found, file);
    return { key, sha256: found.sha256, size: found.size, file, type: found.type };
  }

  async #store(file: string, what: Omit<Artifact, 'size' | 'sha256'>): Promise<ArtifactRef> {
    const source = await fileSource(file);
    const { size, sha256 } = source;
    const artifact: Artifact = { ...what, size, sha256 };
    if (this.own) await this.#keep(this.own, source, artifact);
    else await this.#line.send(file, artifact);
    return { key: what.key, sha256, size };
  }

  async #storeSealed(file: string, what: Omit<Artifact, 'size' | 'sha256'>): Promise<ArtifactRef> {
    const { execution, key, type } = what;
    const sealed = join(this.scratch, `sealed-${this.#files++}`);
    try {
      await sealFile({ execution, key, type }, file, sealed, this.sealing.recipients, this.signal);
      return await this.#store(sealed, { ...what, type: SEALED_TYPE });
    } catch (error) {
      // An earlier attempt has stored it: what is sealed twice differs, though what it holds may be the same.
      const exists = error instanceof GatewayRefusal && error.code === 'artifact_exists';
      if (!exists || !this.sealing.reader) throw error;
      const { file: found, sha256, size } = await this.download(execution, key);
      const same = (await fileSha256(found)) === (await fileSha256(file));
      await rm(found);
      if (!same) throw error;
      return { key, sha256, size };
    } finally {
      await rm(sealed, { force: true });
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
