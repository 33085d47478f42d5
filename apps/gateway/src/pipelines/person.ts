/** Who stands behind a request, where a person is asked for. */
import { identityRequests, type OfGate } from '@hybrid/contracts';
import type { Connections } from '@hybrid/service';
import type { Caller } from '../edge/caller.js';

/**
 * Who decides a gate. The installation's administrator counts as a person, called `administrator`, as there may be nobody
 * else. Null for an API key, which a program can have, or several people.
 */
export async function personOf(
  caller: Caller,
  requests: Pick<Connections['requests'], 'send'>,
): Promise<OfGate['person']> {
  const { kind, id } = caller.principal;
  if (kind === 'installation') return { user_id: id, email: null };
  if (kind !== 'user') return null;
  const { user_id, email } = await requests.send(identityRequests.user, { user_id: id }, caller);
  return { user_id, email };
}

/** Whoever made the key that a request comes with: its wish is theirs. */
export function wantedBy({ principal: { maker } }: Caller): { wanted_by?: string } {
  return maker === undefined ? {} : { wanted_by: maker };
}
