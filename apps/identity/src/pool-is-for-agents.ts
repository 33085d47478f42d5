import { reject, type Rejection } from '@hybrid/decider';

export function poolIsForAgents(): Rejection {
  return reject(
    'pool_is_for_agents',
    'relays join no pool: leave it out, or leave out that it is for relays',
    'invalid',
  );
}
