import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { ConnectionLoops } from './chain/connection-loops.process.js';
import { Backlogs } from './connections/backlogs.js';
import { ConnectionController } from './connections/connection.controller.js';
import { CustomerConnections } from './connections/customer-connections.js';
import { CustomerQueues } from './connections/customer-queues.js';
import { Deliveries } from './deliveries/deliveries.js';
import { DeliveryController } from './deliveries/delivery.controller.js';
import { HealthController } from './health.controller.js';
import { Heartbeats } from './relays/heartbeats.js';
import { RelayController } from './relays/relay.controller.js';
import { Relays } from './relays/relays.js';
import { SilentRelays } from './relays/silent-relays.process.js';
import { RoutingEvents } from './routing.publisher.js';
import { readRoutingSettings, RoutingSettings } from './routing.settings.js';

@Module({
  controllers: [
    projectionOperations('routing'),
    HealthController,
    RelayController,
    ConnectionController,
    DeliveryController,
  ],
  providers: [
    { provide: RoutingSettings, useFactory: () => readRoutingSettings() },
    Heartbeats,
    Relays,
    SilentRelays,
    Backlogs,
    CustomerQueues,
    CustomerConnections,
    Deliveries,
    ConnectionLoops,
    RoutingEvents,
  ],
})
export class RoutingModule {}
