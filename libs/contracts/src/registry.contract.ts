/** The registry's messages: artifacts of runs. Owner: the registry service. Bytes travel in chunks of at most ARTIFACT_CHUNK_BYTES. */
import { Text } from './fields.js';
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
}

export class ArtifactExecution {
  @Text({ max: 200, pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/, description: 'run or job that stored it' })
  execution_id!: string;
}

export class ArtifactAddress extends ArtifactExecution {
  @Text({ max: 200 })
  key!: string;
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
    ArtifactAddress & { upload_id: string; size: number; sha256: string; content_type: string },
    ArtifactView
  >('cmd.registry.artifact.commit', 120_000),
  /** Forgets an upload that was not committed. */
  abort: request<{ upload_id: string }, Record<string, never>>('cmd.registry.artifact.abort'),
  get: request<ArtifactAddress, ArtifactView>('qry.registry.artifact.get'),
  /** Bytes from `offset`, at most a chunk; an empty reply is the end. */
  readChunk: request<ArtifactAddress & { offset: number }, Uint8Array>(
    'qry.registry.artifact.read-chunk',
    30_000,
  ),
  list: request<ListQuery & { execution_id?: string }, Page<ArtifactView>>('qry.registry.artifact.list'),
  delete: request<ArtifactAddress, ArtifactView>('cmd.registry.artifact.delete'),
};
