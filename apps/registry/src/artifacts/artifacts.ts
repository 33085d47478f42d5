/** The artifacts' commands and queries. */
import {
  ARTIFACT_CHUNK_BYTES,
  problem,
  ProblemError,
  serviceCall,
  type ArtifactAddress,
  type ArtifactView,
  type CallContext,
  type ListQuery,
  type Page,
  type RegisterArtifact,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections, readSettings } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { v5 as uuidV5 } from 'uuid';
import { artifactList } from './artifact-list.projection.js';
import {
  artifactDecider,
  type ArtifactCommand,
  type ArtifactEvent,
  type ArtifactState,
} from './artifact.decider.js';
import type { BlobAddress, Blobs } from './blobs.js';
import { openBlobs } from './open-blobs.js';
import { RegistrySettings } from './registry.settings.js';

/** Namespace of the ids that addresses turn into: one stream per address. */
const ARTIFACT_NAMESPACE = '5f8f0a5e-4a39-4ac1-9d0b-0d6a3f1c9a41';

const DAY_MS = 86_400_000;
const EXPIRE_AT_A_TIME = 100;

type Described = Omit<ArtifactView, 'created_at' | 'expires_at'> & { retention_days?: number };

interface Commit extends ArtifactAddress {
  upload_id: string;
  size: number;
  sha256: string;
  content_type: string;
  retention_days?: number;
}

@Injectable()
export class Artifacts implements OnModuleInit {
  private readonly things: Things<ArtifactState, ArtifactCommand, ArtifactEvent>;
  private readonly settings = readSettings(RegistrySettings, 'registry');
  private blobs!: Blobs;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'artifact', artifactDecider);
  }

  async onModuleInit(): Promise<void> {
    this.blobs = await openBlobs(this.settings.HYBRID_ARTIFACTS);
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

  async upload(uploadId: string, call: CallContext): Promise<{ written: number }> {
    return { written: await this.blobs.written(call.org, uploadId) };
  }

  /** Bytes first, then the event: an event never speaks of bytes that are not there. */
  async commit({ upload_id, ...request }: Commit, call: CallContext): Promise<ArtifactView> {
    const { artifact: before } = (await this.things.load(artifactId(request, call.org), call.org)).state;
    // Bytes that are there, or will be refused, are not put in place: nobody would ever remove them.
    if (before) await this.blobs.abort(call.org, upload_id);
    else await this.blobs.commit(upload_id, blobOf(request, request.sha256, call.org), request.size);
    try {
      return await this.store(request, call);
    } catch (error) {
      // The address holds other bytes: nobody will ever ask for these.
      if (!before && error instanceof ProblemError && error.problem.code === 'artifact_exists')
        await this.blobs.remove(blobOf(request, request.sha256, call.org));
      throw error;
    }
  }

  /** Bytes that lie elsewhere. */
  register(request: ArtifactAddress & RegisterArtifact, call: CallContext): Promise<ArtifactView> {
    return this.store(request, call);
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
    const { sha256, location } = await this.get(address, call);
    if (location !== undefined)
      throw problem(
        'conflict',
        'artifact_elsewhere',
        `the bytes of ${address.execution_id}/${address.key} are not here: fetch them from ${location}`,
      );
    return this.blobs.read(blobOf(address, sha256, call.org), address.offset, ARTIFACT_CHUNK_BYTES);
  }

  async delete(address: ArtifactAddress, call: CallContext): Promise<ArtifactView> {
    const artifact = await this.get(address, call);
    await this.things.handle(
      artifactId(address, call.org),
      { type: 'DeleteArtifact', now: new Date().toISOString() },
      call,
    );
    // Where this is not reached any more, a sweep finds the bytes.
    await this.blobs.remove(blobOf(address, artifact.sha256, call.org));
    return artifact;
  }

  /** Deletes what has expired by `now`, as far as the read model knows it; answers how many. */
  async expire(now: Date): Promise<number> {
    let expired = 0;
    for (;;) {
      const { rows } = await this.connections.pool.query<{ id: string; org: string; state: ArtifactState }>(
        `select id, org, state from registry.artifacts where expires_at <= $1 order by expires_at limit $2`,
        [now.toISOString(), EXPIRE_AT_A_TIME],
      );
      let fresh = 0;
      for (const { id, org, state } of rows) {
        const call = serviceCall('registry', org, randomUUID());
        const { events } = await this.things.handle(
          id,
          { type: 'ExpireArtifact', now: now.toISOString() },
          call,
        );
        fresh += events.length;
        if (events.length && state.artifact)
          await this.blobs.remove(blobOf(state.artifact, state.artifact.sha256, org));
      }
      expired += fresh;
      // The read model is behind: what is left is found by the next sweep.
      if (fresh < EXPIRE_AT_A_TIME) return expired;
    }
  }

  /**
   * Removes bytes of which no event speaks: of a commit or a delete that was killed half way, and uploads that nobody goes
   * on with. Answers how many blobs. What is younger than `before` may still get its event.
   */
  async removeOrphans(before: Date, uploadsBefore: Date): Promise<number> {
    let removed = 0;
    await this.blobs.forgetUploads(uploadsBefore);
    for await (const { address, modified } of this.blobs.all()) {
      if (modified >= before) continue;
      const { state, revision } = await this.things.load(address.artifactId, address.org);
      // Of what this log has never heard another installation may know, which was given the same place.
      if (revision === null) continue;
      if (state.artifact?.sha256 === address.sha256 && state.artifact.location === undefined) continue;
      await this.blobs.remove(address);
      removed++;
    }
    return removed;
  }

  private async store(
    { retention_days: days = this.settings.HYBRID_ARTIFACT_RETENTION_DAYS, ...described }: Described,
    call: CallContext,
  ): Promise<ArtifactView> {
    const created_at = new Date().toISOString();
    const artifact = { ...described, created_at, ...(days > 0 && { expires_at: endOf(created_at, days) }) };
    const id = artifactId(described, call.org);
    const { state } = await this.things.handle(id, { type: 'StoreArtifact', artifact }, call);
    return state.artifact!;
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

function endOf(created: string, days: number): string {
  return new Date(Date.parse(created) + days * DAY_MS).toISOString();
}

function artifactId({ execution_id, key }: ArtifactAddress, org: string): string {
  return uuidV5(JSON.stringify([org, execution_id, key]), ARTIFACT_NAMESPACE);
}

function blobOf(address: ArtifactAddress, sha256: string, org: string): BlobAddress {
  return { org, executionId: address.execution_id, artifactId: artifactId(address, org), sha256 };
}
