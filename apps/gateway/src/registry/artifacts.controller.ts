import {
  ARTIFACT_CHUNK_BYTES,
  ListQuery,
  problem,
  queueRequests,
  registryRequests,
  ArtifactAddress,
  ArtifactExecution,
  type ArtifactView,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Delete, Get, Headers, Param, Put, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { ARTIFACT_TYPE_HEADER } from '../edge/artifact-body.js';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { readAttempt } from '../queue/attempt-headers.js';

const SHA256 = /^[0-9a-f]{64}$/;

@ApiTags('artifacts')
@ApiBearerAuth()
@Controller('api/artifacts')
export class ArtifactsController {
  constructor(private readonly connections: Connections) {}

  /**
   * Streams the body into the store; it is kept only if its SHA-256 is the one announced. An agent stores into the
   * execution of a job that it is at, which the headers X-Job-Id, X-Attempt and X-Lease-Token name.
   */
  @Put(':execution_id/:key')
  @ApiHeader({ name: 'x-content-sha256', required: true, description: 'SHA-256 of the body, hex' })
  @ApiConsumes('application/octet-stream')
  @ApiBody({ description: 'of any type', schema: { type: 'string', format: 'binary' } })
  async put(
    @Param() { execution_id, key }: ArtifactAddress,
    @Headers('x-content-sha256') sha256: string | undefined,
    @Req() request: FastifyRequest,
    @Caller() caller: Caller,
  ): Promise<ArtifactView> {
    await this.checkHeld('store', execution_id, request, caller);
    if (!sha256 || !SHA256.test(sha256))
      throw problem(
        'invalid',
        'digest_required',
        'send the SHA-256 of the body as 64 hex digits in the header X-Content-SHA256',
      );
    const upload_id = randomUUID();
    const { requests } = this.connections;
    try {
      const content_type = request.headers[ARTIFACT_TYPE_HEADER] as string;
      const size = await this.upload(request.body as Readable, upload_id, sha256, caller);
      return await requests.send(
        registryRequests.commit,
        { execution_id, key, upload_id, size, sha256, content_type },
        caller,
      );
    } catch (error) {
      await requests.send(registryRequests.abort, { upload_id }, caller).catch(() => undefined);
      throw error;
    }
  }

  /** An agent fetches from the execution of a job that it is at (see PUT), and from those that the job's spec names. */
  @Get(':execution_id/:key')
  async get(
    @Param() address: ArtifactAddress,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { method } = request;
    await this.checkHeld('fetch', address.execution_id, request, caller);
    const artifact = await this.connections.requests.send(registryRequests.get, address, caller);
    void reply
      .header('x-content-sha256', artifact.sha256)
      .header('etag', `"${artifact.sha256}"`)
      .header('content-length', artifact.size)
      // It is whatever somebody's build made of it: no page of ours.
      .header('x-content-type-options', 'nosniff')
      .header('content-disposition', 'attachment')
      .type(artifact.content_type)
      // A HEAD needs no bytes: Fastify would read them all to throw them away.
      .send(Readable.from(method === 'HEAD' ? [] : this.chunks(artifact, caller), { objectMode: false }));
  }

  @Get(':execution_id')
  async list(
    @Param() { execution_id }: ArtifactExecution,
    @Query() query: ListQuery,
    @Caller() caller: Caller,
  ) {
    return listReply(
      'artifacts',
      await this.connections.requests.send(registryRequests.list, { ...query, execution_id }, caller),
    );
  }

  @Delete(':execution_id/:key')
  delete(@Param() address: ArtifactAddress, @Caller() caller: Caller) {
    return this.connections.requests.send(registryRequests.delete, address, caller);
  }

  /** Agents have artifacts by the job that they hold alone. */
  private async checkHeld(
    what: 'store' | 'fetch',
    executionId: string,
    { headers }: FastifyRequest,
    caller: Caller,
  ): Promise<void> {
    if (caller.principal.kind !== 'agent') return;
    const one = (name: string) => [headers[name]].flat()[0];
    const attempt = readAttempt(one('x-attempt'), one('x-lease-token'));
    const job_id = one('x-job-id');
    if (!job_id) throw problem('invalid', 'invalid_input', 'the header X-Job-Id must be that of the claim');
    const lease = { job_id, agent_id: caller.principal.id, ...attempt };
    const { execution_id, fetches_from } = await this.connections.requests.send(
      queueRequests.lease,
      lease,
      caller,
    );
    if (execution_id === executionId || (what === 'fetch' && fetches_from.includes(executionId))) return;
    throw problem('forbidden', 'not_your_job', `the job ${job_id} has nothing to do with this execution`);
  }

  /** Passes the body on in chunks, one at a time: memory stays flat whatever the size. Answers the size in bytes. */
  private async upload(body: Readable, uploadId: string, sha256: string, caller: Caller): Promise<number> {
    const hash = createHash('sha256');
    let offset = 0;
    for await (const chunk of rechunk(body)) {
      hash.update(chunk);
      await this.connections.requests.sendBytes(
        registryRequests.writeChunk,
        { upload_id: uploadId, offset },
        chunk,
        caller,
      );
      offset += chunk.length;
    }
    if (hash.digest('hex') !== sha256)
      throw problem(
        'invalid',
        'digest_mismatch',
        'the body is not the one that X-Content-SHA256 announces; send it again',
      );
    return offset;
  }

  /** Bytes as stored; breaks the download off where they are not the ones that were stored. */
  private async *chunks(artifact: ArtifactView, caller: Caller): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    for (let offset = 0; offset < artifact.size;) {
      const { execution_id, key } = artifact;
      const chunk = await this.connections.requests.send(
        registryRequests.readChunk,
        { execution_id, key, offset },
        caller,
      );
      if (!chunk.length) break;
      hash.update(chunk);
      offset += chunk.length;
      const last = offset >= artifact.size;
      if (last && hash.digest('hex') !== artifact.sha256)
        throw new Error(
          `artifact ${execution_id}/${key}: the stored bytes have changed; their SHA-256 is wrong`,
        );
      yield chunk;
    }
  }
}

async function* rechunk(body: Readable): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    parts.push(part);
    size += part.length;
    if (size < ARTIFACT_CHUNK_BYTES) continue;
    const whole = Buffer.concat(parts);
    let start = 0;
    for (; whole.length - start >= ARTIFACT_CHUNK_BYTES; start += ARTIFACT_CHUNK_BYTES)
      yield whole.subarray(start, start + ARTIFACT_CHUNK_BYTES);
    parts = [whole.subarray(start)];
    size = whole.length - start;
  }
  if (size) yield Buffer.concat(parts);
}
