/** The deliveries' commands and queries. */
import {
  problem,
  ProblemError,
  type CallContext,
  type DeliveryView,
  type ListDeliveries,
  type Page,
} from '@hybrid/contracts';
import { listPage, Things, type Thing } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { deliveryList } from './delivery-list.projection.js';
import { deliveryDecider, type DeliveryCommand, type DeliveryState } from './delivery.decider.js';
import type { DeliveryEvent, DeliveryRefused, DeliveryRouted, Outcome } from './delivery.events.js';
import { deliveryView } from './delivery.view.js';

@Injectable()
export class Deliveries implements OnModuleInit {
  private readonly things: Things<DeliveryState, DeliveryCommand, DeliveryEvent>;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'delivery', deliveryDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(deliveryList);
  }

  /**
   * The decision that stands: this one, or the one that was made before. `fresh`: it was made now.
   * @throws ProblemError `delivery_id_taken`, `decision_too_large`: for good.
   */
  async route(
    routed: Omit<DeliveryRouted, 'at'>,
    call: CallContext,
  ): Promise<{ routed: Thing<DeliveryState>; fresh: boolean }> {
    const command = { type: 'RouteDelivery', ...routed, now: now() } as const;
    const { id } = routed.delivery;
    try {
      // Nearly all are new: without a look first.
      const { state, revision, events } = await this.things.handle(id, command, call, NEW);
      return { routed: { state, revision }, fresh: events.length > 0 };
    } catch (error) {
      throw (await this.isAnothers(id, error, call)) ? idTaken() : error;
    }
  }

  /** @param routed as `route` answered it: saves the read. */
  async recordSent(
    id: string,
    outcomes: Outcome[],
    call: CallContext,
    routed: Thing<DeliveryState>,
  ): Promise<DeliveryState> {
    const command = { type: 'RecordSent', outcomes, now: now() } as const;
    return (await this.things.handle(id, command, call, routed)).state;
  }

  async refuse(id: string, refused: Omit<DeliveryRefused, 'at'>, call: CallContext): Promise<void> {
    await this.things.handle(id, { type: 'RefuseDelivery', ...refused, now: now() }, call);
  }

  /** @throws ProblemError `delivery_not_found`. */
  async get(deliveryId: string, call: CallContext): Promise<DeliveryView> {
    return deliveryView(deliveryId, (await this.things.load(deliveryId, call.org)).state);
  }

  /** Whether it lost against the stream of another organisation: it would lose for ever. */
  private async isAnothers(id: string, error: unknown, { org }: CallContext): Promise<boolean> {
    if (!(error instanceof ProblemError) || error.problem.code !== 'conflict') return false;
    const { org: owner } = await this.things.find(id);
    return owner !== null && owner !== org;
  }

  list(query: ListDeliveries, call: CallContext): Promise<Page<DeliveryView>> {
    const { connection, repository, status } = query;
    return listPage<{ id: string; created_at: Date; state: DeliveryState }, DeliveryView>({
      from: this.connections.readModel(deliveryList),
      table: 'routing.deliveries',
      call,
      query,
      where: { connection, repository, status },
      view: ({ id, state }) => deliveryView(id, state),
    });
  }
}

/** Ids follow from the source's name, the digests' key and the body: who has all three in two organisations has one id twice. */
function idTaken() {
  return problem(
    'invalid',
    'delivery_id_taken',
    'another organisation has a delivery of this id: give the relays of each organisation a digest key of their own',
  );
}

const NEW = { state: deliveryDecider.initial, revision: null };

function now(): string {
  return new Date().toISOString();
}
