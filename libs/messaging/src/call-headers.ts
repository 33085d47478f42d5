/** How a CallContext and the trace travel in NATS headers. */
import { parsePosition, type Actor, type CallContext } from '@hybrid/contracts';
import { activeTraceparent } from '@hybrid/telemetry';
import { headers, type MsgHdrs } from '@nats-io/transport-node';

export const PROBLEM_HEADER = 'Hybrid-Problem';
export const INPUT_HEADER = 'Hybrid-Input';
export const BYTES_HEADER = 'Hybrid-Bytes';
/** In replies: the highest commit position that the request wrote. */
export const POSITION_HEADER = 'Hybrid-Position';

export function callHeaders(call: CallContext): MsgHdrs {
  const result = headers();
  result.set('Hybrid-Org', call.org);
  result.set('Hybrid-Actor', `${call.actor.type}:${call.actor.id}`);
  result.set('Hybrid-Correlation', call.correlationId);
  if (call.causationId) result.set('Hybrid-Causation', call.causationId);
  if (call.atLeast !== undefined) result.set('Hybrid-At-Least', call.atLeast.toString());
  const traceparent = activeTraceparent();
  if (traceparent) result.set('traceparent', traceparent);
  return result;
}

/** Throws if the headers name no organisation or no actor: such a message is refused. */
export function readCall(from: MsgHdrs | undefined): CallContext {
  const org = from?.get('Hybrid-Org');
  const [type, ...id] = (from?.get('Hybrid-Actor') ?? '').split(':');
  if (!org || !type) throw new Error('the message has no Hybrid-Org or no Hybrid-Actor header');
  return {
    org,
    actor: { type: type as Actor['type'], id: id.join(':') },
    correlationId: from?.get('Hybrid-Correlation') ?? '',
    causationId: from?.get('Hybrid-Causation') || undefined,
    atLeast: parsePosition(from?.get('Hybrid-At-Least') ?? '') ?? undefined,
  };
}
