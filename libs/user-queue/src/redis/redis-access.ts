/** Tries what a user may do. Redis looks at the rights before the arguments: these are such that nothing comes of them. */
import { ErrorReply } from 'redis';
import type { RedisQueue } from '../queue-config.js';
import type { ReaderAccess, Verdict } from '../user-queue.js';
import type { RedisClient } from './redis-session.js';

/** One for all readers: what a reader took and did not remove is found by its age, whoever took it. */
export const CONSUMER = 'hybrid';
/** The highest that there is: no entry has it. */
const NO_ENTRY = '18446744073709551615-18446744073709551615';
/** XREADGROUP takes the highest id for `>`, which gives out all that waits. */
const NOTHING_TAKEN = '18446744073709551615-18446744073709551614';
/** Longer than anything lay there. */
const FOR_EVER_MS = '9000000000000';

/** @throws ErrorReply NOGROUP, where the stream or its group is not there. */
export async function verifyReader(client: RedisClient, queue: RedisQueue): Promise<ReaderAccess> {
  const { stream, group, aside } = queue;
  const may = (commands: string[][]) => all(commands.map((command) => tryCommand(client, command)));
  const receive = await may([
    ['XREADGROUP', 'GROUP', group, CONSUMER, 'STREAMS', stream, NOTHING_TAKEN],
    ['XAUTOCLAIM', stream, group, CONSUMER, FOR_EVER_MS, '0-0', 'COUNT', '1', 'JUSTID'],
    ['XCLAIM', stream, group, CONSUMER, FOR_EVER_MS, NO_ENTRY, 'JUSTID'],
    ['XPENDING', stream, group, NO_ENTRY, NO_ENTRY, '1'],
    ['XLEN', stream],
    ['XRANGE', stream, NO_ENTRY, NO_ENTRY],
  ]);
  const remove = await may([
    ['XDEL', stream, NO_ENTRY],
    ['XACK', stream, group, NO_ENTRY],
  ]);
  const putAside = await tryToSend(client, aside);
  const send = await tryToSend(client, stream);
  const remedies: string[] = [];
  if (receive === 'denied' || remove === 'denied' || putAside === 'denied')
    remedies.push(`grant what a reader needs: ACL SETUSER <reader> ${readerRules(queue)}`);
  if (send === 'allowed')
    remedies.push(
      `take XADD to ${stream} away from the reader: ACL SETUSER <reader> reset on ><password> ${readerRules(queue)}`,
    );
  return { receive, remove, send, remedies };
}

/** As `ACL SETUSER` has it; what is in brackets holds for the side queue alone. */
export function readerRules({ stream, aside }: RedisQueue): string {
  return (
    `-@all ~${stream} +xreadgroup +xautoclaim +xclaim +xpending +xlen +xrange +xack +xdel ` +
    `(-@all ~${aside} +xadd)`
  );
}

export function writerRules({ stream }: RedisQueue): string {
  return `-@all ~${stream} +xadd +exists`;
}

/** An entry of the id 0-0 cannot be. */
export function tryToSend(client: RedisClient, stream: string): Promise<Verdict> {
  return tryCommand(client, ['XADD', stream, 'NOMKSTREAM', '0-0', 'trial', '']);
}

async function tryCommand(client: RedisClient, command: string[]): Promise<Verdict> {
  try {
    await client.sendCommand(command);
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error;
    if (error.message.startsWith('NOPERM')) return 'denied';
    if (!error.message.startsWith('ERR')) throw error;
  }
  return 'allowed';
}

async function all(verdicts: Promise<Verdict>[]): Promise<Verdict> {
  return (await Promise.all(verdicts)).includes('denied') ? 'denied' : 'allowed';
}
