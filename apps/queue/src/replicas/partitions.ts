/** Which replica serves which partition: rendezvous hashing, so that a change of the members moves few partitions. */
import { CLAIM_PARTITIONS } from '@hybrid/contracts';
import { createHash } from 'node:crypto';

/** The partitions of one of the members; every member comes to the same, whatever the order. */
export function partitionsOf(replica: string, members: Iterable<string>): number[] {
  const all = [...members];
  return Array.from({ length: CLAIM_PARTITIONS }, (_, partition) => partition).filter(
    (partition) => ownerOf(partition, all) === replica,
  );
}

function ownerOf(partition: number, members: string[]): string | undefined {
  let owner: string | undefined;
  let highest = '';
  for (const member of members) {
    const weight = createHash('sha256').update(`${partition} ${member}`).digest('hex');
    if (weight > highest) [owner, highest] = [member, weight];
  }
  return owner;
}
