/**
 * A trust rule: workloads that an issuer vouches for, in these words, may join a pool, or be relays. It never changes.
 *
 *   (none) ──create──► trusted ──remove──► removed
 *
 * Rejections: trust_rule_issuer_invalid, trust_rule_incomplete, trust_rule_subject_too_wide, pool_is_for_agents,
 * idempotency_key_reused, trust_rule_not_found.
 */
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { isDeepStrictEqual } from 'node:util';
import { idempotencyKeyReused } from '../idempotency.js';
import { poolIsForAgents } from '../pool-is-for-agents.js';
import { trustRuleEvents, type TrustRuleCreated, type TrustRuleEvent } from './trust-rule.events.js';

export interface TrustRuleState {
  /** Null: there is no such rule. */
  rule: TrustRuleCreated | null;
  removed_at: string | null;
}

export type TrustRuleCommand =
  | ({ type: 'CreateTrustRule'; now: string } & Omit<TrustRuleCreated, 'at'>)
  | { type: 'RemoveTrustRule'; now: string };

export const trustRuleDecider: Decider<TrustRuleState, TrustRuleCommand, TrustRuleEvent> = {
  initial: { rule: null, removed_at: null },
  events: trustRuleEvents,
  decide,
  evolve,
};

function decide(
  command: TrustRuleCommand,
  { rule, removed_at }: TrustRuleState,
): TrustRuleEvent[] | Rejection {
  switch (command.type) {
    case 'CreateTrustRule': {
      const { type: _, now: at, ...told } = command;
      const fault = faultOf(told);
      if (fault) return fault;
      if (!rule) return [{ type: 'TrustRuleCreated', data: { ...told, at } }];
      // The same again means that its reply was lost.
      return isDeepStrictEqual({ ...told, at: rule.at }, rule) ? [] : idempotencyKeyReused();
    }
    case 'RemoveTrustRule':
      if (!rule) return reject('trust_rule_not_found', 'there is no such trust rule', 'not_found');
      return removed_at === null ? [{ type: 'TrustRuleRemoved', data: { at: command.now } }] : [];
  }
}

type Rule = Pick<TrustRuleCreated, 'for' | 'pool' | 'issuer' | 'audience' | 'subject' | 'claims'>;

/** What would let in whom nobody vouches for, or nobody at all. */
function faultOf({ for: isFor, pool, issuer, audience, subject, claims }: Rule): Rejection | null {
  if (isFor === 'relay' && pool !== null) return poolIsForAgents();
  if (isFor !== 'relay' && pool === null)
    return reject('trust_rule_incomplete', 'name the pool that agents join by it', 'invalid');
  if (!isTrustworthy(issuer))
    return reject(
      'trust_rule_issuer_invalid',
      'the issuer must be an https URL without user, query and fragment, exactly as the `iss` of its tokens; http is for this machine alone',
      'invalid',
    );
  if (!audience.trim() || !subject.trim())
    return reject('trust_rule_incomplete', 'name the audience and the subject of the tokens', 'invalid');
  const anySubject = /^[*:/\s]+$/.test(subject);
  if (anySubject && Object.keys(claims).length === 0)
    return reject(
      'trust_rule_subject_too_wide',
      `the subject ${subject} fits everybody that the issuer knows: name a part of it, or claims`,
      'invalid',
    );
  return null;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

function isTrustworthy(issuer: string): boolean {
  if (!URL.canParse(issuer) || issuer !== issuer.trim()) return false;
  const { protocol, hostname, username, password } = new URL(issuer);
  if (username || password || /[?#]/.test(issuer)) return false;
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname));
}

function evolve(state: TrustRuleState, event: TrustRuleEvent): TrustRuleState {
  switch (event.type) {
    case 'TrustRuleCreated':
      return { rule: event.data, removed_at: null };
    case 'TrustRuleRemoved':
      return state.rule ? { ...state, removed_at: event.data.at } : state;
  }
}
