/** A batch of jobs: each is checked and enqueued on its own, and what is wrong with one harms no other. */
import {
  EnqueueJob,
  HTTP_STATUS,
  problem,
  ProblemError,
  queueRequests,
  type CallContext,
  type EnqueueJobCommand,
  type JobView,
  type Problem,
} from '@hybrid/contracts';
import type { Requests } from '@hybrid/messaging';
import type { PipeTransform } from '@nestjs/common';

/** What became of one job; `status` as if it had been enqueued alone. Paths in `error.errors` start at the job. */
export type BatchItem = { index: number } & (
  { status: 201; job: JobView } | { status: number; error: Omit<Problem, 'kind'> }
);

/** `results` in the order of the batch. */
export interface BatchReply {
  results: BatchItem[];
  accepted: number;
  refused: number;
}

/** A NATS message holds 1 MiB, and the answer repeats most of what the jobs say, beside some 1 KB for each. */
const CHUNK_BYTES = 512 * 1024;
const CHUNK_JOBS = 100;
/** Enough to keep the replicas busy without keeping others from them. */
const CHUNKS_AT_A_TIME = 4;

interface Placed {
  index: number;
  job: EnqueueJobCommand;
}

/**
 * Enqueues what `validation` lets pass. A chunk that is not answered refuses its jobs with 503: some of them may have
 * been enqueued, and the same ids again tell.
 * @param newId the id of the job at an index.
 */
export async function enqueueBatch(
  requests: Pick<Requests, 'send'>,
  validation: PipeTransform,
  jobs: unknown[],
  newId: (index: number) => string,
  call: CallContext,
): Promise<BatchReply> {
  const results: BatchItem[] = [];
  const refuse = (index: number, { kind, ...error }: Problem) =>
    (results[index] = { index, status: HTTP_STATUS[kind], error });
  const placed: Placed[] = [];
  for (const [index, input] of jobs.entries()) {
    try {
      placed.push({ index, job: { ...(await check(validation, input)), job_id: newId(index) } });
    } catch (error) {
      refuse(index, problemOf(error));
    }
  }
  const chunks = chunked(placed).values();
  const send = async () => {
    // One iterator for all: whoever is free takes the next chunk.
    for (const chunk of chunks) {
      try {
        const answer = await requests.send(
          queueRequests.enqueueBatch,
          { jobs: chunk.map(({ job }) => job) },
          call,
        );
        for (const item of answer.results) {
          const { index } = chunk[item.index]!;
          if ('job' in item) results[index] = { index, status: 201, job: item.job };
          else refuse(index, item.error);
        }
      } catch (error) {
        for (const { index } of chunk) refuse(index, problemOf(error));
      }
    }
  };
  await Promise.all(Array.from({ length: CHUNKS_AT_A_TIME }, send));
  const accepted = results.filter((item) => 'job' in item).length;
  return { results, accepted, refused: results.length - accepted };
}

/** By the same rules as a job that is enqueued alone. */
async function check(validation: PipeTransform, input: unknown): Promise<EnqueueJob> {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw problem('invalid', 'invalid_input', 'a job must be an object');
  return (await validation.transform(input, { type: 'body', metatype: EnqueueJob })) as EnqueueJob;
}

function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  throw error;
}

function chunked(jobs: Placed[]): Placed[][] {
  const chunks: Placed[][] = [];
  let current: Placed[] = [];
  let bytes = 0;
  for (const placed of jobs) {
    const size = Buffer.byteLength(JSON.stringify(placed.job));
    if (current.length === CHUNK_JOBS || (current.length > 0 && bytes + size > CHUNK_BYTES)) {
      chunks.push(current);
      [current, bytes] = [[], 0];
    }
    current.push(placed);
    bytes += size;
  }
  return current.length > 0 ? [...chunks, current] : chunks;
}
