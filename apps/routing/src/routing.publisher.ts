import type { ConnectionChanged, DeliveryChanged, RelayChanged } from '@hybrid/contracts';
import type { Published, Publisher, StoredEvent } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { connectionEvents, type ConnectionEvent } from './connections/connection.events.js';
import { deliveryEvents, type DeliveryEvent } from './deliveries/delivery.events.js';
import { relayEvents, type RelayEvent } from './relays/relay.events.js';

type RoutingEvent = RelayEvent | ConnectionEvent | DeliveryEvent;

/** How relays, connections and deliveries fare; never configurations, metadata or keys. */
export const routingPublisher: Publisher<RoutingEvent> = {
  service: 'routing',
  prefixes: ['relay-', 'connection-', 'delivery-'],
  events: { today: { ...relayEvents.today, ...connectionEvents.today, ...deliveryEvents.today } },
  publish: see,
};

function see({ event, thingId }: StoredEvent<RoutingEvent>): Published | null {
  switch (event.type) {
    case 'RelayRegistered':
      return relay('registered', thingId, 'HEALTHY', event.data.connection);
    case 'RelayHealthChanged':
      return relay('health-changed', thingId, event.data.status);
    case 'RelayRemoved':
      return relay('removed', thingId, 'REMOVED');
    case 'ConnectionConfigured':
      return connection('configured', thingId, 'CHECKING');
    case 'ConnectionPaused':
      return connection('paused', thingId, 'PAUSED', event.data.reason);
    case 'ConnectionResumed':
      return connection('resumed', thingId, 'CHECKING');
    case 'ConnectionAccessFound':
      return connection('access-found', thingId, event.data.status, event.data.message);
    case 'ConnectionDeleted':
      return connection('deleted', thingId, null);
    case 'DeliveryRouted':
      return delivery('routed', thingId, event.data.connection, 'ROUTED');
    case 'DeliverySent': {
      const failed = event.data.outcomes.some((outcome) => outcome.failed);
      return delivery('sent', thingId, null, failed ? 'FAILED' : 'SENT');
    }
    case 'DeliveryRefused':
      return delivery('refused', thingId, event.data.connection, 'REFUSED');
  }
}

function relay(
  event: string,
  relay_id: string,
  status: RelayChanged['status'],
  connection: string | null = null,
): Published {
  const data: RelayChanged = { relay_id, connection, status };
  return { noun: 'relay', event, type: 'RelayChanged', data };
}

function connection(
  event: string,
  connection_id: string,
  status: ConnectionChanged['status'],
  message: string | null = null,
): Published {
  const data: ConnectionChanged = { connection_id, status, message };
  return { noun: 'connection', event, type: 'ConnectionChanged', data };
}

function delivery(
  event: string,
  delivery_id: string,
  connection: string | null,
  status: DeliveryChanged['status'],
): Published {
  const data: DeliveryChanged = { delivery_id, connection, status };
  return { noun: 'delivery', event, type: 'DeliveryChanged', data };
}

/** One for the whole service, as one relay carries all of its events. */
@Injectable()
export class RoutingEvents implements OnModuleInit {
  constructor(private readonly connections: Connections) {}

  onModuleInit(): void {
    this.connections.publish(routingPublisher);
  }
}
