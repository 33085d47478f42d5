/**
 * Which keys an agent may sign with: the newest, and for an hour the one before it. The keys themselves are derived by
 * the gateways and kept nowhere. Pure.
 */
import type { AgentKey } from '@hybrid/contracts';
import type { AgentKeyRotated } from './agent.events.js';

/** Long enough for whatever was under way, and for an agent that died between the answer and its disk. */
const PREVIOUS_MS = 60 * 60 * 1000;

export function isValid({ not_after }: AgentKey, now: string): boolean {
  return not_after === null || not_after > now;
}

/** The key after the newest, which goes on for a while. */
export function nextKey(
  keys: readonly AgentKey[],
  kid: string,
  expires_at: string | null,
  at: string,
): AgentKeyRotated {
  const newest = keys.at(-1);
  const hour = new Date(Date.parse(at) + PREVIOUS_MS).toISOString();
  const previous_until = newest ? earlier(newest.not_after, hour) : null;
  return { kid, version: (newest?.version ?? 0) + 1, previous_until, expires_at, at };
}

export function keysAfter(keys: readonly AgentKey[], rotated: AgentKeyRotated): AgentKey[] {
  const { kid, version, previous_until, expires_at, at } = rotated;
  const newest = keys.at(-1);
  const key: AgentKey = { kid, version, since: at, not_after: expires_at };
  return newest ? [{ ...newest, not_after: previous_until }, key] : [key];
}

function earlier(time: string | null, other: string): string {
  return time !== null && time < other ? time : other;
}
