/** How a CallContext and the trace travel in NATS headers. */
import { parsePosition, type Actor, type CallContext } from '@hybrid/contracts';
import { activeTraceparent } from '@hybrid/telemetry';
import { MsgHdrsImpl, type MsgHdrs } from '@nats-io/transport-node';

const LINE_BREAK = /[\r\n]/;

export const PROBLEM_HEADER = 'Hybrid-Problem';
export const INPUT_HEADER = 'Hybrid-Input';
/** In a reply before the reply: a subject that is answered as long as whoever works on the request is there. */
export const HOLDER_HEADER = 'Hybrid-Holder';
export const BYTES_HEADER = 'Hybrid-Bytes';
/** In replies: the highest commit position that the request wrote. */
export const POSITION_HEADER = 'Hybrid-Position';

/** @throws Error for a value that would begin a header of its own. */
export function callHeaders(call: CallContext): MsgHdrs {
  const { org, actor, address, correlationId, causationId, atLeast } = call;
  const traceparent = activeTraceparent();
  const record: Record<string, [string]> = {
    'Hybrid-Org': [org],
    'Hybrid-Actor': [`${actor.type}:${actor.id}`],
    'Hybrid-Correlation': [correlationId],
  };
  if (address) record['Hybrid-Address'] = [address];
  if (causationId) record['Hybrid-Causation'] = [causationId];
  if (atLeast !== undefined) record['Hybrid-At-Least'] = [atLeast.toString()];
  if (traceparent) record['traceparent'] = [traceparent];
  for (const name in record)
    if (LINE_BREAK.test(record[name]![0])) throw new Error(`${name} may not hold a line break`);
  // Not by `set`: it checks the constant names letter by letter each time.
  return MsgHdrsImpl.fromRecord(record);
}

/** Throws if the headers name no organisation or no actor: such a message is refused. */
export function readCall(from: MsgHdrs | undefined): CallContext {
  const org = from?.get('Hybrid-Org');
  const [type, ...id] = (from?.get('Hybrid-Actor') ?? '').split(':');
  if (!org || !type) throw new Error('the message has no Hybrid-Org or no Hybrid-Actor header');
  return {
    org,
    actor: { type: type as Actor['type'], id: id.join(':') },
    address: from?.get('Hybrid-Address') || undefined,
    correlationId: from?.get('Hybrid-Correlation') ?? '',
    causationId: from?.get('Hybrid-Causation') || undefined,
    atLeast: parsePosition(from?.get('Hybrid-At-Least') ?? '') ?? undefined,
  };
}
