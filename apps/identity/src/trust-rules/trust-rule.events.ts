/** The facts of stream `trustRule-<rule_id>`. */
import type { EventTypes } from '@hybrid/decider';

export type TrustRuleEvent =
  { type: 'TrustRuleCreated'; data: TrustRuleCreated } | { type: 'TrustRuleRemoved'; data: { at: string } };

export const trustRuleEvents: EventTypes<TrustRuleEvent> = {
  today: { TrustRuleCreated: true, TrustRuleRemoved: true },
};

export interface TrustRuleCreated {
  rule_id: string;
  name: string;
  /** Agents unless told. */
  for?: 'relay';
  /** The one that agents join by it; null: it is for relays. */
  pool: string | null;
  issuer: string;
  audience: string;
  subject: string;
  claims: Record<string, string>;
  /** `user:<id>`, as in audit. */
  created_by: string;
  at: string;
}
