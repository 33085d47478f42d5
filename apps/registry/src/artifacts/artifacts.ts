/** The artifacts' commands and queries. */
import {
  ARTIFACT_CHUNK_BYTES,
  problem,
  ProblemError,
  type ArtifactAddress,
  type ArtifactView,
  type CallContext,
  type ListQuery,
  type Page,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections, readSettings } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { v5 as uuidV5 } from 'uuid';
import { artifactList } from './artifact-list.projection.js';
import {
  artifactDecider,
  type ArtifactCommand,
  type ArtifactEvent,
  type ArtifactState,
} from './artifact.decider.js';
import { BlobDirectory, type BlobAddress } from './blob-directory.js';
import { RegistrySettings } from './registry.settings.js';

/** Namespace of the ids that addresses turn into: one stream per address. */
const ARTIFACT_NAMESPACE = '5f8f0a5e-4a39-4ac1-9d0b-0d6a3f1c9a41';

interface Commit extends ArtifactAddress {
  upload_id: string;
  size: number;
  sha256: string;
  content_type: string;
}

@Injectable()
export class Artifacts implements OnModuleInit {
  private readonly things: Things<ArtifactState, ArtifactCommand, ArtifactEvent>;
  private readonly blobs: BlobDirectory;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'artifact', artifactDecider);
    this.blobs = new BlobDirectory(readSettings(RegistrySettings, 'registry').HYBRID_ARTIFACTS);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(artifactList);
  }

  async writeChunk(
    uploadId: string,
    offset: number,
    bytes: Uint8Array,
    call: CallContext,
  ): Promise<{ written: number }> {
    await this.blobs.write(call.org, uploadId, offset, bytes);
    return { written: bytes.length };
  }

  /** Bytes first, then the event: an event never speaks of bytes that are not there. */
  async commit(request: Commit, call: CallContext): Promise<ArtifactView> {
    const { upload_id, ...described } = request;
    const id = artifactId(request, call.org);
    const { state: before } = await this.things.load(id, call.org);
    // Bytes that will be refused are not put in place: nobody would ever remove them.
    if (before.artifact && before.artifact.sha256 !== request.sha256)
      await this.blobs.abort(call.org, upload_id);
    else await this.blobs.commit(upload_id, blobOf(request, request.sha256, call.org), request.size);
    const artifact = { ...described, created_at: new Date().toISOString() };
    try {
      const { state } = await this.things.handle(id, { type: 'StoreArtifact', artifact }, call);
      return state.artifact!;
    } catch (error) {
      // The address holds other bytes: nobody will ever ask for these.
      if (error instanceof ProblemError && error.problem.code === 'artifact_exists')
        await this.blobs.remove(blobOf(request, request.sha256, call.org));
      throw error;
    }
  }

  async abort(uploadId: string, call: CallContext): Promise<Record<string, never>> {
    await this.blobs.abort(call.org, uploadId);
    return {};
  }

  async get(address: ArtifactAddress, call: CallContext): Promise<ArtifactView> {
    const { state } = await this.things.load(artifactId(address, call.org), call.org);
    if (!state.artifact)
      throw problem(
        'not_found',
        'artifact_not_found',
        `there is no artifact ${address.execution_id}/${address.key}`,
      );
    return state.artifact;
  }

  async readChunk(address: ArtifactAddress & { offset: number }, call: CallContext): Promise<Uint8Array> {
    const { sha256 } = await this.get(address, call);
    return this.blobs.read(blobOf(address, sha256, call.org), address.offset, ARTIFACT_CHUNK_BYTES);
  }

  async delete(address: ArtifactAddress, call: CallContext): Promise<ArtifactView> {
    const artifact = await this.get(address, call);
    await this.things.handle(
      artifactId(address, call.org),
      { type: 'DeleteArtifact', now: new Date().toISOString() },
      call,
    );
    await this.blobs.remove(blobOf(address, artifact.sha256, call.org));
    return artifact;
  }

  list(query: ListQuery & { execution_id?: string }, call: CallContext): Promise<Page<ArtifactView>> {
    return listPage<{ id: string; created_at: Date; state: ArtifactState }, ArtifactView>({
      from: this.connections.readModel(artifactList),
      table: 'registry.artifacts',
      call,
      query,
      where: { execution_id: query.execution_id, stored: 'yes' },
      view: (row) => row.state.artifact!,
    });
  }
}

function artifactId({ execution_id, key }: ArtifactAddress, org: string): string {
  return uuidV5(JSON.stringify([org, execution_id, key]), ARTIFACT_NAMESPACE);
}

function blobOf(address: ArtifactAddress, sha256: string, org: string): BlobAddress {
  return { org, executionId: address.execution_id, artifactId: artifactId(address, org), sha256 };
}
