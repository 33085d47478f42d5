import { serviceCall, type CallContext } from '@hybrid/contracts';
import type { Thing } from '@hybrid/event-store';
import type { QueueReader } from '@hybrid/user-queue';
import { Link, type Context } from 'codeuchain';
import type { Deliveries } from '../deliveries/deliveries.js';
import { deliveryStatus, type DeliveryState } from '../deliveries/delivery.decider.js';
import type { Carrier } from './carrier.js';
import { handBack } from './handing-back.js';
import { decidedAfter, ended, sentAfter } from './routing-metrics.js';
import type { Decided, Turn, TurnConnection } from './turn.js';

/**
 * Writes each decision down, carries it out, writes down what became of it, and only then takes the message off the queue.
 * Whatever ends in between is gone through again with the decision that stands, and starts nothing twice: ids of runs
 * follow from delivery and pipeline.
 */
export class SendDecisionsLink extends Link<Turn, Turn> {
  constructor(
    private readonly queue: QueueReader,
    private readonly deliveries: Deliveries,
    private readonly carrier: Carrier,
  ) {
    super();
  }

  override async call(context: Context<Turn>): Promise<Context<Turn>> {
    const connection = context.get('connection') as TurnConnection;
    const decided = context.get('decided') as Decided[];
    let handed_back = context.get('handed_back') as number;
    const done = await Promise.all(
      decided.map(async (one) => {
        const { message, delivery } = one;
        // Whoever follows one delivery finds its decision, its runs and their jobs by one id.
        const call = serviceCall('routing', connection.org, delivery.id);
        const begun = performance.now();
        let decidedAt: string | null = null;
        try {
          const decision = await this.decide(one, connection, call);
          decidedAt = decision.state.routed?.at ?? null;
          await this.carryOut(decision, { id: delivery.id, begun }, call);
          return [message];
        } catch (error) {
          handed_back++;
          await handBack(this.queue, message, error, decidedAt);
          return [];
        }
      }),
    );
    await this.queue.remove(done.flat());
    return context.insert('handed_back', handed_back);
  }

  /** What stands from now on, be it this decision or one that was made before. */
  private async decide(
    { delivery, decisions }: Decided,
    { name, version }: TurnConnection,
    call: CallContext,
  ): Promise<Thing<DeliveryState>> {
    const seconds = secondsSince(delivery.received_at);
    const { routed, fresh } = await this.deliveries.route(
      { delivery, connection: name, connection_version: version, decisions, seconds },
      call,
    );
    if (fresh) decidedAfter(seconds);
    return routed;
  }

  private async carryOut(
    decision: Thing<DeliveryState>,
    { id, begun }: { id: string; begun: number },
    call: CallContext,
  ): Promise<void> {
    const { routed, outcomes: known } = decision.state;
    if (!routed || known) return ended('duplicate');
    const outcomes = await Promise.all(
      routed.decisions.map((one) => this.carrier.carryOut(one, routed.delivery, call)),
    );
    const sent = await this.deliveries.recordSent(id, outcomes, call, decision);
    sentAfter(begun);
    ended(deliveryStatus(sent) === 'FAILED' ? 'failed' : 'sent');
  }
}

/** Null where the relay's clock is ahead of ours. */
function secondsSince(time: string): number | null {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  return seconds >= 0 ? seconds : null;
}
