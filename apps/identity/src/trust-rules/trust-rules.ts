/** The trust rules' commands and queries. */
import {
  problem,
  type CallContext,
  type CreateTrustRule,
  type ListQuery,
  type Page,
  type TrustRuleView,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { accessChanged } from '../access-changed.js';
import { trustRuleDecider, type TrustRuleCommand, type TrustRuleState } from './trust-rule.decider.js';
import type { TrustRuleEvent } from './trust-rule.events.js';
import { trustRuleList } from './trust-rule-list.projection.js';

/** Of one issuer in one organisation: what fits into a message with room to spare. */
const MAX_RULES = 100;

@Injectable()
export class TrustRules implements OnModuleInit {
  private readonly things: Things<TrustRuleState, TrustRuleCommand, TrustRuleEvent>;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'trustRule', trustRuleDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(trustRuleList);
  }

  /** The same again answers the same. @throws ProblemError the rejections of trust-rule.decider.ts. */
  async create(wanted: CreateTrustRule & { rule_id: string }, call: CallContext): Promise<TrustRuleView> {
    const { rule_id, name, pool = null, issuer, audience, subject, claims = {} } = wanted;
    const isFor = wanted.for === 'relay' ? { for: wanted.for } : {};
    const created_by = `${call.actor.type}:${call.actor.id}`;
    const rule = { rule_id, name, ...isFor, pool, issuer, audience, subject, claims, created_by };
    const { state } = await this.things.handle(
      rule_id,
      { type: 'CreateTrustRule', ...rule, now: now() },
      call,
    );
    return view(state);
  }

  /** @throws ProblemError `trust_rule_not_found`. */
  async remove(ruleId: string, call: CallContext): Promise<TrustRuleView> {
    const { state } = await this.things.handle(ruleId, { type: 'RemoveTrustRule', now: now() }, call);
    accessChanged(this.connections, `rule:${ruleId}`, call);
    return view(state);
  }

  /** Strongly consistent. @throws ProblemError `trust_rule_not_found`, also of one that was removed. */
  async get(ruleId: string, call: CallContext): Promise<TrustRuleView> {
    const { state } = await this.things.load(ruleId, call.org);
    return view(state.removed_at === null ? state : trustRuleDecider.initial);
  }

  list(query: ListQuery, call: CallContext): Promise<Page<TrustRuleView>> {
    return listPage<{ id: string; created_at: Date; state: TrustRuleState }, TrustRuleView>({
      from: this.connections.readModel(trustRuleList),
      table: 'identity.trust_rules',
      call,
      query,
      where: {},
      view: ({ state }) => view(state),
    });
  }

  /** Those that hold and name this issuer, the oldest first. */
  async ofIssuer(issuer: string, call: CallContext): Promise<TrustRuleView[]> {
    await this.connections.readModel(trustRuleList).reach(call.atLeast);
    const { rows } = await this.connections.pool.query<{ state: TrustRuleState }>(
      `select state from identity.trust_rules where org = $1 and issuer = $2 and removed = 'no'
       order by created_at, id limit ${MAX_RULES}`,
      [call.org, issuer],
    );
    return rows.map(({ state }) => view(state));
  }
}

function view({ rule, removed_at }: TrustRuleState): TrustRuleView {
  if (!rule) throw problem('not_found', 'trust_rule_not_found', 'there is no such trust rule');
  const { at, ...told } = rule;
  return { ...told, for: told.for ?? 'agent', created_at: at, removed_at };
}

function now(): string {
  return new Date().toISOString();
}
