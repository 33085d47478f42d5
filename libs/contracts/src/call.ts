/** Who asks, for which organisation, and as part of what. Travels in the headers of every message and in the metadata of every event. */
export interface CallContext {
  /** Organisation that owns everything the call touches. */
  org: string;
  actor: Actor;
  /** Where the request came from, as the gateway saw it: an IP address; for audit. */
  address?: string;
  /** The same for everything that one outside request set in motion. */
  correlationId: string;
  /** Id of the event that caused this call, if one did. */
  causationId?: string;
  /** Lists shall be at least as new as this commit position of the log; without it they may be behind. */
  atLeast?: bigint;
  /** Told the commit position of every append that is part of the call; each hop passes it on to its caller. */
  wrote?: (position: bigint) => void;
  /** Tells whoever asked that the answer takes seconds or more: it then learns soon when this process dies meanwhile. */
  takesTime?: () => void;
}

/** The largest position that a log can have: positions are signed 64 bit numbers. */
const MAX_POSITION = 2n ** 63n - 1n;

/** A commit position as decimal digits; null for anything else. */
export function parsePosition(text: string): bigint | null {
  if (!/^\d{1,19}$/.test(text)) return null;
  const position = BigInt(text);
  return position <= MAX_POSITION ? position : null;
}

/** How long a list waits for a read model that is behind `atLeast`, before it refuses: a rebuild is not waited for. */
export const READ_MODEL_WAIT_MS = 5_000;

export interface Actor {
  /** `key`: an API key, which acts for nobody but itself; `joiner`: a join token, or a workload that may join; `relay`: one of the customer's. */
  type: 'user' | 'key' | 'agent' | 'service' | 'joiner' | 'relay';
  id: string;
}

/** The organisation of an installation that never asked for a second one. */
export const DEFAULT_ORG = 'default';

/** A service acting on its own account, for an organisation. */
export function serviceCall(
  service: string,
  org: string,
  correlationId: string,
  causationId?: string,
): CallContext {
  return { org, actor: { type: 'service', id: service }, correlationId, causationId };
}
