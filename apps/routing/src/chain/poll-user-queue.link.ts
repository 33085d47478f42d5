import { serviceCall } from '@hybrid/contracts';
import { readDelivery, relayPublicKey } from '@hybrid/delivery';
import type { QueueReader, ReceivedMessage } from '@hybrid/user-queue';
import { Link, type Context } from 'codeuchain';
import { hash } from 'node:crypto';
import { v5 as uuidV5 } from 'uuid';
import type { CustomerConnections } from '../connections/customer-connections.js';
import type { Deliveries } from '../deliveries/deliveries.js';
import type { Relays } from '../relays/relays.js';
import { handBack } from './handing-back.js';
import { ended } from './routing-metrics.js';
import type { Polled, Turn, TurnConnection } from './turn.js';

/** What one turn takes at most; readers take less where their queue gives less. */
const BATCH = 20;
/** SQS waits no longer. */
const WAIT_MS = 20_000;
/** Namespace of the ids that refused messages turn into; never changed. */
const REFUSED_NAMESPACE = 'd2c1a1a7-6a51-4f2e-8f0b-2a52c7a3b9e4';

type KeyOf = Parameters<typeof readDelivery>[1];

/** Takes what lies on the customer's queue, and passes on what a registered relay of this connection has signed. */
export class PollUserQueueLink extends Link<Turn, Turn> {
  constructor(
    private readonly queue: QueueReader,
    private readonly relays: Relays,
    private readonly deliveries: Deliveries,
    private readonly connections: CustomerConnections,
    private readonly signal: AbortSignal,
  ) {
    super();
  }

  override async call(context: Context<Turn>): Promise<Context<Turn>> {
    const connection = context.get('connection') as TurnConnection;
    const messages = await this.queue.receive({ max: BATCH, waitMs: WAIT_MS, signal: this.signal });
    // While it waited, somebody may have paused the connection, or changed its rules.
    if (messages.length > 0 && !(await this.holds(connection, messages)))
      return context.insert('polled', []).insert('superseded', true);
    const polled: Polled[] = [];
    const keyOf = this.keys(connection);
    let handed_back = 0;
    await Promise.all(
      messages.map(async (message) => {
        try {
          const read = await this.read(message, connection, keyOf);
          if (read) polled.push(read);
        } catch (error) {
          handed_back++;
          await handBack(this.queue, message, error, null);
        }
      }),
    );
    return context.insert('polled', polled).insert('handed_back', handed_back);
  }

  private async holds({ id, version }: TurnConnection, messages: ReceivedMessage[]): Promise<boolean> {
    let holds = false;
    try {
      holds = await this.connections.holds(id, version);
    } finally {
      if (!holds) await this.queue.release(messages);
    }
    return holds;
  }

  /** Of relays as they are registered now; each is looked up once in a batch, which mostly is of one relay. */
  private keys({ org, name }: TurnConnection): KeyOf {
    const known = new Map<string, ReturnType<KeyOf>>();
    const look: KeyOf = async (relayId) => {
      const relay = await this.relays.registered(relayId, org, name);
      return relay && relayPublicKey(relay.public_key);
    };
    return (relayId) => {
      const key = known.get(relayId) ?? look(relayId);
      known.set(relayId, key);
      return key;
    };
  }

  /** Null: refused, and on the side queue. */
  private async read(
    message: ReceivedMessage,
    { org, name, version }: TurnConnection,
    keyOf: KeyOf,
  ): Promise<Polled | null> {
    const { delivery, refusal } = await readDelivery(message.body, keyOf);
    if (delivery) return { message, delivery };
    const message_sha256 = hash('sha256', message.body, 'hex');
    const id = uuidV5(JSON.stringify([org, name, message_sha256]), REFUSED_NAMESPACE);
    const { code, message: reason } = refusal;
    await this.deliveries.refuse(
      id,
      { connection: name, connection_version: version, message_sha256, code, reason },
      serviceCall('routing', org, id),
    );
    await this.queue.putAside(message, reason);
    ended('refused');
    return null;
  }
}
