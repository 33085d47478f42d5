/** The registry's messages: artifacts of runs. Owner: the registry service. Bytes travel in chunks of at most ARTIFACT_CHUNK_BYTES. */
import { Text, Whole } from './fields.js';
import { request, type Page } from './request.js';
import type { ListQuery } from './paging.contract.js';

/** Half of NATS' default payload limit, so that headers and envelope fit. */
export const ARTIFACT_CHUNK_BYTES = 512 * 1024;

export interface ArtifactView {
  execution_id: string;
  key: string;
  size: number;
  /** SHA-256 of the bytes, hex. */
  sha256: string;
  content_type: string;
  created_at: string;
  /** Where the bytes lie on the customer's side; left out where the registry has them. */
  location?: string;
  /** After this it is deleted; left out: never. */
  expires_at?: string;
}

/** Days. */
const RETENTION_MAX = 3_650;
const SHA256 = /^[0-9a-f]{64}$/;

export class ArtifactExecution {
  @Text('metadata', {
    max: 200,
    pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/,
    description: 'run or job that stored it',
  })
  execution_id!: string;
}

export class ArtifactAddress extends ArtifactExecution {
  @Text('metadata', { max: 200 })
  key!: string;
}

/** Query string of an upload. */
export class PutArtifact {
  @Text('digest', {
    optional: true,
    pattern: SHA256,
    description: 'of the whole artifact, where the body is not all of it; else that of X-Content-SHA256',
  })
  sha256?: string;

  @Whole({
    optional: true,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    description: 'where the body goes on with an upload that was broken off; 0 unless told',
  })
  offset?: number;

  @Whole({ optional: true, min: 1, max: RETENTION_MAX, description: "the installation's unless told" })
  retention_days?: number;
}

export class UploadQuery {
  @Text('digest', { pattern: SHA256, description: 'of the whole artifact' })
  sha256!: string;
}

/** What is told of an artifact whose bytes stay on the customer's side. */
export class RegisterArtifact {
  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER })
  size!: number;

  @Text('digest', { pattern: SHA256 })
  sha256!: string;

  @Text('metadata', { max: 200, pattern: /^[ -~]+$/, example: 'application/vnd.hybrid.tar+gzip' })
  content_type!: string;

  @Text('reference', {
    max: 2_000,
    // Visible ASCII without # ? @: it is told in a header, too.
    pattern: /^(s3|file):\/\/[!"$->A-~]+$/,
    example: 's3://ci-data/artifacts/run-1/dist/…',
    description: 'ASCII, and never a credential: it holds no user, query or fragment',
  })
  location!: string;

  @Whole({ optional: true, min: 1, max: RETENTION_MAX, description: "the installation's unless told" })
  retention_days?: number;
}

export const registryRequests = {
  /**
   * Writes one chunk of an upload at `offset`; repeating it is harmless. The bytes are the message's body,
   * the fields travel as headers (see `messaging`).
   */
  writeChunk: request<{ upload_id: string; offset: number }, { written: number }>(
    'cmd.registry.artifact.write-chunk',
    30_000,
  ),
  /** Checks size and SHA-256 of the whole upload and publishes it; `artifact_exists` if the address holds other bytes. */
  commit: request<
    ArtifactAddress & {
      upload_id: string;
      size: number;
      sha256: string;
      content_type: string;
      retention_days?: number;
    },
    ArtifactView
  >('cmd.registry.artifact.commit', 120_000),
  /** An artifact whose bytes the registry does not have. */
  register: request<ArtifactAddress & RegisterArtifact, ArtifactView>('cmd.registry.artifact.register'),
  /** How many bytes of an upload are there, from its beginning. */
  upload: request<{ upload_id: string }, { written: number }>('qry.registry.artifact.upload'),
  /** Forgets an upload that was not committed. */
  abort: request<{ upload_id: string }, Record<string, never>>('cmd.registry.artifact.abort'),
  get: request<ArtifactAddress, ArtifactView>('qry.registry.artifact.get'),
  /** Bytes from `offset`, at most a chunk; an empty reply is the end. `artifact_elsewhere` where the registry has none. */
  readChunk: request<ArtifactAddress & { offset: number }, Uint8Array>(
    'qry.registry.artifact.read-chunk',
    30_000,
  ),
  list: request<ListQuery & { execution_id?: string }, Page<ArtifactView>>('qry.registry.artifact.list'),
  delete: request<ArtifactAddress, ArtifactView>('cmd.registry.artifact.delete'),
};
