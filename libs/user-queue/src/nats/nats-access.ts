/** Tries what a user may do. NATS looks at the rights before anything else: what is asked here is refused all the same. */
import { headers, PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import type { NatsQueue } from '../queue-config.js';
import type { ReaderAccess, Verdict } from '../user-queue.js';

const TIMEOUT_MS = 5_000;
/** Higher than any that a stream comes to: no message has it. */
const NO_SEQUENCE = Number.MAX_SAFE_INTEGER;

/** What the reader publishes to. */
export const readerSubjects = ({ stream, consumer }: NatsQueue) => ({
  info: `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
  next: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  ack: `$JS.ACK.${stream}.${consumer}.>`,
});
export const readerInbox = ({ consumer }: NatsQueue) => `_INBOX_${consumer}`;
export const writerInbox = ({ stream }: NatsQueue) => `_INBOX_${stream}`;

/** As a server's configuration has them. */
export function readerPermissions(queue: NatsQueue) {
  const { info, next, ack } = readerSubjects(queue);
  return { publish: [info, next, ack, queue.aside], subscribe: [`${readerInbox(queue)}.>`] };
}

export function writerPermissions(queue: NatsQueue) {
  return { publish: [queue.subject], subscribe: [`${writerInbox(queue)}.>`] };
}

/** After it is known that the consumer is there. */
export async function verifyReader(nats: NatsConnection, queue: NatsQueue): Promise<ReaderAccess> {
  const { stream, consumer, subject, aside } = queue;
  const needs = `grant what a reader needs: permissions ${JSON.stringify(readerPermissions(queue))}`;
  const receive = await tryToTake(nats, queue);
  // Who may not even listen for answers learns nothing else.
  if (receive === 'unknown')
    return { receive: 'denied', remove: 'denied', send: 'unknown', remedies: [needs] };
  // "Still at it", said of a message that is not.
  const remove = await tryToPublish(nats, `$JS.ACK.${stream}.${consumer}.1.${NO_SEQUENCE}.1.0.0`, '+WPI');
  const putAside = await tryToSend(nats, aside);
  const send = await tryToSend(nats, subject);
  const remedies: string[] = [];
  if ([receive, remove, putAside].includes('denied')) remedies.push(needs);
  if (send === 'allowed')
    remedies.push(
      `take the right to publish to ${subject} away from the reader: permissions ${JSON.stringify(readerPermissions(queue))} and no more`,
    );
  return { receive, remove, send, remedies };
}

/** A request that JetStream cannot read, so that it gives nothing. */
export function tryToTake(nats: NatsConnection, queue: NatsQueue): Promise<Verdict> {
  return tryToPublish(nats, readerSubjects(queue).next, '{');
}

/** For a stream of a name that no stream has, so that no stream keeps it. @throws NoRespondersError: no stream takes the subject. */
export function tryToSend(nats: NatsConnection, subject: string): Promise<Verdict> {
  const wanted = headers();
  wanted.set('Nats-Expected-Stream', '.');
  return tryToPublish(nats, subject, '', wanted);
}

async function tryToPublish(
  nats: NatsConnection,
  subject: string,
  text: string,
  head = headers(),
): Promise<Verdict> {
  try {
    await nats.request(subject, text, { timeout: TIMEOUT_MS, headers: head });
    return 'allowed';
  } catch (error) {
    const { cause } = error as Error;
    if (!(cause instanceof PermissionViolationError)) throw error;
    return cause.operation === 'publish' ? 'denied' : 'unknown';
  }
}
