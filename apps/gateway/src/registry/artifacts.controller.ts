import {
  ARTIFACT_CHUNK_BYTES,
  ListQuery,
  problem,
  ProblemError,
  PutArtifact,
  queueRequests,
  RegisterArtifact,
  registryRequests,
  ArtifactAddress,
  ArtifactExecution,
  UploadQuery,
  type ArtifactView,
  type ProblemKind,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ARTIFACT_TYPE_HEADER } from '../edge/artifact-body.js';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { readAttempt } from '../queue/attempt-headers.js';

const SHA256 = /^[0-9a-f]{64}$/;
/** Another try with the same bytes would end alike. */
const REFUSED: ProblemKind[] = ['invalid', 'forbidden', 'conflict', 'too_large'];

@ApiTags('artifacts')
@ApiBearerAuth()
@Controller('api/artifacts')
export class ArtifactsController {
  constructor(private readonly connections: Connections) {}

  /**
   * Streams the body into the store; it is kept only if its SHA-256 is the one announced. An agent stores into the
   * execution of a job that it is at, which the headers X-Job-Id, X-Attempt and X-Lease-Token name. What arrived before the
   * line broke stays for a day: ask how much that is (`upload`), and send the rest with `offset` and the whole's `sha256`.
   */
  @Put(':execution_id/:key')
  @ApiHeader({ name: 'x-content-sha256', required: true, description: 'SHA-256 of the body, hex' })
  @ApiConsumes('application/octet-stream')
  @ApiBody({ description: 'of any type', schema: { type: 'string', format: 'binary' } })
  async put(
    @Param() { execution_id, key }: ArtifactAddress,
    @Query() query: PutArtifact,
    @Headers('x-content-sha256') bodySha256: string | undefined,
    @Req() request: FastifyRequest,
    @Caller() caller: Caller,
  ): Promise<ArtifactView> {
    await this.checkHeld('store', execution_id, request, caller);
    if (!bodySha256 || !SHA256.test(bodySha256))
      throw problem(
        'invalid',
        'digest_required',
        'send the SHA-256 of the body as 64 hex digits in the header X-Content-SHA256',
      );
    const { sha256 = bodySha256, offset = 0, retention_days } = query;
    const upload_id = uploadId(execution_id, key, sha256);
    const { requests } = this.connections;
    if (offset > 0) await this.checkOffset(upload_id, offset, caller);
    try {
      const content_type = request.headers[ARTIFACT_TYPE_HEADER] as string;
      const size = await this.upload(request.body as Readable, upload_id, offset, bodySha256, caller);
      return await requests.send(
        registryRequests.commit,
        { execution_id, key, upload_id, size, sha256, content_type, retention_days },
        caller,
      );
    } catch (error) {
      // What was refused is wrong; where the line or a server failed the agent goes on.
      if (error instanceof ProblemError && REFUSED.includes(error.problem.kind))
        await requests.send(registryRequests.abort, { upload_id }, caller).catch(() => undefined);
      throw error;
    }
  }

  /** How many bytes of an upload are there: where it goes on. */
  @Get(':execution_id/:key/upload')
  async uploaded(
    @Param() { execution_id, key }: ArtifactAddress,
    @Query() { sha256 }: UploadQuery,
    @Req() request: FastifyRequest,
    @Caller() caller: Caller,
  ): Promise<{ offset: number }> {
    await this.checkHeld('store', execution_id, request, caller);
    return { offset: await this.written(uploadId(execution_id, key, sha256), caller) };
  }

  /** For an artifact that lies in the customer's own store: its bytes never come here. Headers as for PUT. */
  @Post(':execution_id/:key/metadata')
  @HttpCode(200)
  async register(
    @Param() address: ArtifactAddress,
    @Body() metadata: RegisterArtifact,
    @Req() request: FastifyRequest,
    @Caller() caller: Caller,
  ): Promise<ArtifactView> {
    await this.checkHeld('store', address.execution_id, request, caller);
    return this.connections.requests.send(registryRequests.register, { ...metadata, ...address }, caller);
  }

  /**
   * An agent fetches from the execution of a job that it is at (see PUT), and from those that the job's spec names.
   * `Range: bytes=<n>-` goes on with a download. What lies elsewhere has a HEAD, which says where, and no GET.
   */
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
    if (artifact.location !== undefined) void reply.header('x-artifact-location', artifact.location);
    if (artifact.location !== undefined && method !== 'HEAD')
      throw problem(
        'conflict',
        'artifact_elsewhere',
        `the control plane has no byte of it: it lies at ${artifact.location}, on the customer's side`,
      );
    const from = method === 'HEAD' ? 0 : readRange(request.headers.range, artifact.size);
    if (from > 0)
      void reply.code(206).header('content-range', `bytes ${from}-${artifact.size - 1}/${artifact.size}`);
    void reply
      .header('x-content-sha256', artifact.sha256)
      .header('etag', `"${artifact.sha256}"`)
      .header('accept-ranges', artifact.location === undefined ? 'bytes' : 'none')
      .header('content-length', artifact.size - from)
      // It is whatever somebody's build made of it: no page of ours.
      .header('x-content-type-options', 'nosniff')
      .header('content-disposition', 'attachment')
      .type(artifact.content_type)
      // A HEAD needs no bytes: Fastify would read them all to throw them away.
      .send(
        Readable.from(method === 'HEAD' ? [] : this.chunks(artifact, from, caller), { objectMode: false }),
      );
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

  private async checkOffset(uploadId: string, offset: number, caller: Caller): Promise<void> {
    const written = await this.written(uploadId, caller);
    if (offset > written)
      throw problem(
        'conflict',
        'upload_offset',
        `${written} bytes of this upload are there: send it from there on`,
      );
  }

  private async written(upload_id: string, caller: Caller): Promise<number> {
    return (await this.connections.requests.send(registryRequests.upload, { upload_id }, caller)).written;
  }

  /** Passes the body on in chunks, one at a time: memory stays flat whatever the size. Answers where it ends, in bytes. */
  private async upload(
    body: Readable,
    uploadId: string,
    from: number,
    sha256: string,
    caller: Caller,
  ): Promise<number> {
    const hash = createHash('sha256');
    let offset = from;
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

  /** Bytes as stored; breaks the download off where they are not the ones that were stored. Of a part that is not known. */
  private async *chunks(artifact: ArtifactView, from: number, caller: Caller): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    for (let offset = from; offset < artifact.size;) {
      const { execution_id, key } = artifact;
      const chunk = await this.connections.requests.send(
        registryRequests.readChunk,
        { execution_id, key, offset },
        caller,
      );
      if (!chunk.length) break;
      hash.update(chunk);
      offset += chunk.length;
      const last = from === 0 && offset >= artifact.size;
      if (last && hash.digest('hex') !== artifact.sha256)
        throw new Error(
          `artifact ${execution_id}/${key}: the stored bytes have changed; their SHA-256 is wrong`,
        );
      yield chunk;
    }
  }
}

/** The same for whoever sends the same bytes to the same address: it need not be remembered to go on. */
function uploadId(executionId: string, key: string, sha256: string): string {
  return createHash('sha256')
    .update(JSON.stringify([executionId, key, sha256]))
    .digest('hex');
}

/** Where a download goes on; 0 where the header says nothing that is understood, as RFC 9110 wants it. */
function readRange(range: string | undefined, size: number): number {
  const from = Number(/^bytes=(\d{1,15})-$/.exec(range ?? '')?.[1] ?? 0);
  return from < size ? from : 0;
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
