import { serviceCall } from '@hybrid/contracts';
import type { QueueReader } from '@hybrid/user-queue';
import { Link, type Context } from 'codeuchain';
import type { Deliveries } from '../deliveries/deliveries.js';
import { deliveryStatus } from '../deliveries/delivery.decider.js';
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
        try {
          await this.send(one, connection);
          return [one.message];
        } catch (error) {
          handed_back++;
          await handBack(this.queue, one.message, error);
          return [];
        }
      }),
    );
    await this.queue.remove(done.flat());
    return context.insert('handed_back', handed_back);
  }

  private async send(
    { delivery, decisions }: Decided,
    { org, name, version }: TurnConnection,
  ): Promise<void> {
    // Whoever follows one delivery finds its decision, its runs and their jobs by one id.
    const call = serviceCall('routing', org, delivery.id);
    const begun = performance.now();
    const seconds = secondsSince(delivery.received_at);
    const { routed: thing, fresh } = await this.deliveries.route(
      { delivery, connection: name, connection_version: version, decisions, seconds },
      call,
    );
    if (fresh) decidedAfter(seconds);
    const { routed, outcomes: known } = thing.state;
    if (!routed || known) return ended('duplicate');
    const outcomes = await Promise.all(
      routed.decisions.map((decision) => this.carrier.carryOut(decision, routed.delivery, call)),
    );
    const sent = await this.deliveries.recordSent(delivery.id, outcomes, call, thing);
    sentAfter(begun);
    ended(deliveryStatus(sent) === 'FAILED' ? 'failed' : 'sent');
  }
}

/** Null where the relay's clock is ahead of ours. */
function secondsSince(time: string): number | null {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  return seconds >= 0 ? seconds : null;
}
