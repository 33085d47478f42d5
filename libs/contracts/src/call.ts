/** Who asks, for which organisation, and as part of what. Travels in the headers of every message and in the metadata of every event. */
export interface CallContext {
  /** Organisation that owns everything the call touches. */
  org: string;
  actor: Actor;
  /** The same for everything that one outside request set in motion. */
  correlationId: string;
  /** Id of the event that caused this call, if one did. */
  causationId?: string;
}

export interface Actor {
  type: 'user' | 'agent' | 'service' | 'joiner';
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
