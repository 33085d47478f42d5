/** One connection, polled by one replica: turns of the chain, one after the other, and rests where something is away. */
import { healthRequest, serviceCall, type CallContext } from '@hybrid/contracts';
import type { Connections as Servers } from '@hybrid/service';
import type { QueueReader } from '@hybrid/user-queue';
import { Logger } from '@nestjs/common';
import { Chain, Context } from 'codeuchain';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backlogs } from '../connections/backlogs.js';
import type { AccessFound, ConnectionConfigured } from '../connections/connection.events.js';
import type { CustomerConnections } from '../connections/customer-connections.js';
import { foundBy, type CustomerQueues } from '../connections/customer-queues.js';
import type { Deliveries } from '../deliveries/deliveries.js';
import type { Relays } from '../relays/relays.js';
import { ApplyRoutingRulesLink } from './apply-routing-rules.link.js';
import { Carrier } from './carrier.js';
import { PollUserQueueLink } from './poll-user-queue.link.js';
import { pollFailed } from './routing-metrics.js';
import { SendDecisionsLink } from './send-decisions.link.js';
import type { Polled, Turn, TurnConnection } from './turn.js';

const VERIFY_MS = 3_600_000;
const BACKLOG_MS = 10_000;
/** Of rests, which double from the first to the last, each with up to a half less by chance. */
const FIRST_REST_MS = 1_000;
const LAST_REST_MS = 30_000;

export interface LoopParts {
  servers: Servers;
  connections: CustomerConnections;
  queues: CustomerQueues;
  backlogs: Backlogs;
  deliveries: Deliveries;
  relays: Relays;
}

export class ConnectionLoop {
  private readonly logger = new Logger(ConnectionLoop.name);
  private readonly stopping = new AbortController();
  private readonly turn: TurnConnection;
  private readonly running: Promise<void>;
  private nap = new AbortController();
  private failures = 0;

  /** @param after the end of the loop before it: a connection has one reader here. */
  constructor(
    private readonly parts: LoopParts,
    private readonly id: string,
    private readonly org: string,
    readonly configured: ConnectionConfigured,
    after: Promise<void>,
  ) {
    const { connection: name, version, configuration } = configured;
    this.turn = { id, org, name, version, routes: configuration.routes };
    this.running = after.then(() => this.run());
  }

  /** Whatever it rests for may be over. */
  wake(): void {
    this.nap.abort();
  }

  /** After what it has in hand is done. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** It was told so, or found that its configuration does not hold any more. */
  get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    while (!this.stopped)
      try {
        const reader = await this.parts.queues.reader(this.configured, this.org);
        try {
          await this.poll(reader);
        } finally {
          await reader.close().catch(() => undefined);
        }
      } catch (error) {
        if (!this.stopped) await this.failed(error);
      }
  }

  private async poll(reader: QueueReader): Promise<void> {
    const carrier = new Carrier(this.parts.servers.requests, () =>
      this.parts.queues.writer(this.configured, this.org),
    );
    const chain = this.chain(reader, carrier);
    let verified = -VERIFY_MS;
    let counted = -BACKLOG_MS;
    try {
      while (!this.stopped) {
        if (performance.now() - verified >= VERIFY_MS) {
          const found = await this.parts.queues.accessOf(reader, this.configured, this.org);
          await this.record(found);
          // Opened anew then: a reader keeps the credential that it was opened with, and this one may be replaced.
          if (found.status !== 'CONNECTED') return await this.rest();
          verified = performance.now();
        }
        if (performance.now() - counted >= BACKLOG_MS) {
          counted = performance.now();
          await this.parts.backlogs.note(this.id, this.org, await reader.backlog());
        }
        const after = (await chain.run(Context.from<Turn>({ connection: this.turn }))) as Context<Turn>;
        if (after.get('superseded')) this.stopping.abort();
        else if (after.get('handed_back')) return await this.untilReady();
        else this.failures = 0;
      }
    } finally {
      await carrier.close().catch(() => undefined);
    }
  }

  private chain(reader: QueueReader, carrier: Carrier): Chain {
    const { relays, deliveries, connections } = this.parts;
    const poll = new PollUserQueueLink(reader, relays, deliveries, connections, this.stopping.signal);
    return new Chain()
      .addLink(poll, 'PollUserQueueLink')
      .addLink(new ApplyRoutingRulesLink(), 'ApplyRoutingRulesLink')
      .addLink(new SendDecisionsLink(reader, deliveries, carrier), 'SendDecisionsLink')
      .connect('PollUserQueueLink', 'ApplyRoutingRulesLink', isAnyLeft)
      .connect('ApplyRoutingRulesLink', 'SendDecisionsLink');
  }

  /**
   * Messages that are taken while nothing can be done about them are counted as given out, and queues put such ones
   * aside by themselves: none is taken until whoever starts runs, and our own servers, answer again. The queues are
   * opened and looked at anew then: it may have been theirs.
   */
  private async untilReady(): Promise<void> {
    do await this.rest();
    while (!this.stopped && !(await this.isReady()));
  }

  private async isReady(): Promise<boolean> {
    const { servers } = this.parts;
    try {
      const [own, { status }] = await Promise.all([
        servers.health('routing'),
        servers.requests.send(healthRequest('pipelines'), {}, this.call()),
      ]);
      return own.status === 'healthy' && status === 'healthy';
    } catch {
      return false;
    }
  }

  private async failed(error: unknown): Promise<void> {
    const found = foundBy(error);
    pollFailed(found.code!);
    if (this.failures === 0)
      this.logger.warn(
        `connection ${this.turn.name} of ${this.org}: ${error instanceof Error ? error.message : String(error)}`,
      );
    await this.record(found);
    await this.rest();
  }

  private async record(found: AccessFound): Promise<void> {
    try {
      await this.parts.connections.recordAccess(this.id, this.turn.version, found, this.call());
    } catch (error) {
      this.logger.warn(
        `what was found of ${this.turn.name} is not written down: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  private async rest(): Promise<void> {
    const ms = Math.min(LAST_REST_MS, FIRST_REST_MS * 2 ** Math.min(this.failures++, 10));
    this.nap = new AbortController();
    const signal = AbortSignal.any([this.nap.signal, this.stopping.signal]);
    await sleep(ms * (1 - Math.random() / 2), undefined, { signal }).catch(() => undefined);
  }

  private call(): CallContext {
    return serviceCall('routing', this.org, this.id);
  }
}

function isAnyLeft(context: Context<Turn>): boolean {
  return (context.get('polled') as Polled[]).length > 0;
}
