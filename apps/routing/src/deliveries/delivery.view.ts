import { problem, type DeliveryView, type RouteDecision } from '@hybrid/contracts';
import { deliveryStatus, type DeliveryState } from './delivery.decider.js';

/** @throws ProblemError `delivery_not_found`. */
export function deliveryView(delivery_id: string, state: DeliveryState): DeliveryView {
  const { routed, refused } = state;
  const known = routed ?? refused;
  if (!known) throw problem('not_found', 'delivery_not_found', 'there is no such delivery');
  return {
    delivery_id,
    connection: known.connection,
    connection_version: known.connection_version,
    status: deliveryStatus(state),
    delivery: routed?.delivery ?? null,
    decisions: decisionsOf(state),
    message: refused?.reason ?? null,
    seconds: routed?.seconds ?? null,
    at: known.at,
  };
}

function decisionsOf({ routed, outcomes }: DeliveryState): RouteDecision[] {
  return (routed?.decisions ?? []).map(({ rule, action, because }, index) => {
    const { runs = [], message = null } = outcomes?.[index] ?? {};
    return { rule, do: action.do, because, runs, message };
  });
}
