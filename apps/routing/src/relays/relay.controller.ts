import {
  routingRequests,
  type CallContext,
  type ListRelays,
  type RegisterRelayCommand,
  type RelayHeartbeat,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Relays } from './relays.js';

type OfRelay = { relay_id: string };

@MessageController()
export class RelayController {
  constructor(private readonly relays: Relays) {}

  @Handle(routingRequests.registerRelay)
  register(@Payload() request: RegisterRelayCommand, @Ctx() call: CallContext) {
    return this.relays.register(request, call);
  }

  @Handle(routingRequests.heartbeat)
  heartbeat(@Payload() { relay_id, ...heartbeat }: RelayHeartbeat & OfRelay, @Ctx() call: CallContext) {
    return this.relays.heartbeat(relay_id, heartbeat, call);
  }

  @Handle(routingRequests.removeRelay)
  remove(@Payload() { relay_id }: OfRelay, @Ctx() call: CallContext) {
    return this.relays.remove(relay_id, call);
  }

  @Handle(routingRequests.relayAccess)
  access(@Payload() { relay_id, sha256 }: OfRelay & { sha256: string }) {
    return this.relays.access(relay_id, sha256);
  }

  @Handle(routingRequests.relay)
  get(@Payload() { relay_id }: OfRelay, @Ctx() call: CallContext) {
    return this.relays.get(relay_id, call);
  }

  @Handle(routingRequests.relays)
  list(@Payload() query: ListRelays, @Ctx() call: CallContext) {
    return this.relays.list(query, call);
  }
}
