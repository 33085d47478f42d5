/** Carries decisions out: runs by way of the pipelines service, messages onto the customer's queue of decisions. */
import {
  pipelinesRequests,
  ProblemError,
  type CallContext,
  type Delivery,
  type FiredTriggers,
  type TriggerEvent,
} from '@hybrid/contracts';
import type { Requests } from '@hybrid/messaging';
import type { Decision } from '@hybrid/net-zero';
import { QueueError, type QueueWriter } from '@hybrid/user-queue';
import type { Outcome } from '../deliveries/delivery.events.js';
import { triggerEvent } from '../deliveries/trigger-event.js';
import { isAway } from './handing-back.js';

/** Of all texts about one decision; an event holds it. */
const MAX_MESSAGE = 2_000;

const DONE: Outcome = { runs: [], message: null, failed: false };

export class Carrier {
  private writer?: Promise<QueueWriter | null>;

  /** @param open the connection's queue of decisions; null where there is none. */
  constructor(
    private readonly requests: Requests,
    private readonly open: () => Promise<QueueWriter | null>,
  ) {}

  /** What is refused for good is an outcome as well. @throws what is worth trying again. */
  async carryOut(decision: Decision, delivery: Delivery, call: CallContext): Promise<Outcome> {
    try {
      return await this.attempt(decision, delivery, call);
    } catch (error) {
      const known = error instanceof ProblemError || error instanceof QueueError;
      if (!known || isAway(error)) throw error;
      if (error instanceof ProblemError && error.problem.kind === 'internal') throw error;
      return { runs: [], message: short(error.message), failed: true };
    }
  }

  async close(): Promise<void> {
    await (await this.writer?.catch(() => null))?.close();
  }

  private async attempt({ rule, action }: Decision, delivery: Delivery, call: CallContext): Promise<Outcome> {
    const { id: delivery_id } = delivery;
    const event = triggerEvent(delivery);
    switch (action.do) {
      case 'ignore':
        return DONE;
      case 'triggers': {
        if (!event) return { ...DONE, message: 'no pipeline can say `on` about events of this kind' };
        if (delivery.metadata.deleted)
          return { ...DONE, message: 'the branch or tag is gone: nothing runs for it' };
        const fired = await this.requests.send(pipelinesRequests.fireTriggers, { delivery_id, event }, call);
        return { runs: fired.runs, message: passedOver(fired, event), failed: false };
      }
      case 'run': {
        const { pipeline: pipeline_id, pool, inputs = {} } = action;
        const wanted = {
          pipeline_id,
          delivery_id,
          rule: rule ?? 'default',
          inputs,
          event,
          ...(pool && { pool }),
        };
        const { id: run_id } = await this.requests.send(pipelinesRequests.startByRoute, wanted, call);
        return { ...DONE, runs: [{ pipeline: pipeline_id, run_id }] };
      }
      case 'send':
        return this.tell(rule, action.message ?? {}, delivery);
    }
  }

  /** At least once: whoever reads goes by `delivery_id` and `rule`. */
  private async tell(
    rule: string | null,
    message: Record<string, string>,
    { id, source, tool, kind, event, action, received_at, metadata }: Delivery,
  ): Promise<Outcome> {
    this.writer ??= this.open();
    this.writer.catch(() => (this.writer = undefined));
    const writer = await this.writer;
    if (!writer)
      return {
        runs: [],
        message: 'the configuration names no queue of decisions: add `decisions`',
        failed: true,
      };
    const { repository, branch, tag, commit, pull_request } = metadata;
    const about = { source, tool, kind, event, action, repository, branch, tag, commit, pull_request };
    await writer.send([JSON.stringify({ v: 1, delivery_id: id, rule, received_at, ...about, message })]);
    return DONE;
  }
}

function passedOver({ runs, passed_over }: FiredTriggers, { repository }: TriggerEvent): string | null {
  if (runs.length + passed_over.length === 0)
    return short(`no stored pipeline is of ${repository}: \`hybrid run\` in its checkout stores one`);
  return short(passed_over.map(({ pipeline, why }) => `${pipeline}: ${why}`).join('; ')) || null;
}

function short(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text;
}
