/** How a request over NATS is counted: by subject and by how it ended. Both are few: subjects are constants, and so are codes. */
import { ProblemError } from '@hybrid/contracts';

/** As `cmd.queue.job.claim.17` has one. */
const PARTITION = /\.\d+$/;

/** Partitions of a subject are counted together. @param failure what was thrown; undefined where the request was carried out. */
export function outcomeOf(subject: string, failure: unknown): Record<string, string> {
  const attributes: Record<string, string> = {
    'rpc.system.name': 'nats',
    'rpc.method': subject.replace(PARTITION, ''),
  };
  if (failure !== undefined)
    attributes['error.type'] = failure instanceof ProblemError ? failure.problem.code : 'internal';
  return attributes;
}
