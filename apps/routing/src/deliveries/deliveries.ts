/** The deliveries' commands and queries. */
import { type CallContext, type DeliveryView, type ListDeliveries, type Page } from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
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

  /** The decision that stands: this one, or the one that was made before. `fresh`: it was made now. */
  async route(
    routed: Omit<DeliveryRouted, 'at'>,
    call: CallContext,
  ): Promise<{ state: DeliveryState; fresh: boolean }> {
    const command = { type: 'RouteDelivery', ...routed, now: now() } as const;
    // Nearly all are new: without a look first.
    const { state, events } = await this.things.handle(routed.delivery.id, command, call, NEW);
    return { state, fresh: events.length > 0 };
  }

  async recordSent(id: string, outcomes: Outcome[], call: CallContext): Promise<DeliveryState> {
    return (await this.things.handle(id, { type: 'RecordSent', outcomes, now: now() }, call)).state;
  }

  async refuse(id: string, refused: Omit<DeliveryRefused, 'at'>, call: CallContext): Promise<void> {
    await this.things.handle(id, { type: 'RefuseDelivery', ...refused, now: now() }, call);
  }

  /** @throws ProblemError `delivery_not_found`. */
  async get(deliveryId: string, call: CallContext): Promise<DeliveryView> {
    return deliveryView(deliveryId, (await this.things.load(deliveryId, call.org)).state);
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

const NEW = { state: deliveryDecider.initial, revision: null };

function now(): string {
  return new Date().toISOString();
}
