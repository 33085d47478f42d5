import { routingRequests, type CallContext, type ListQuery, type PutConnection } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { CustomerConnections } from './customer-connections.js';

type OfConnection = { connection: string };

@MessageController()
export class ConnectionController {
  constructor(private readonly connections: CustomerConnections) {}

  @Handle(routingRequests.putConnection)
  put(@Payload() wanted: PutConnection & OfConnection & { external_id: string }, @Ctx() call: CallContext) {
    return this.connections.put(wanted, call);
  }

  @Handle(routingRequests.pauseConnection)
  pause(@Payload() { connection, reason }: OfConnection & { reason: string }, @Ctx() call: CallContext) {
    return this.connections.pause(connection, reason, call);
  }

  @Handle(routingRequests.resumeConnection)
  resume(@Payload() { connection }: OfConnection, @Ctx() call: CallContext) {
    return this.connections.resume(connection, call);
  }

  @Handle(routingRequests.deleteConnection)
  delete(@Payload() { connection }: OfConnection, @Ctx() call: CallContext) {
    return this.connections.delete(connection, call);
  }

  @Handle(routingRequests.verifyConnection)
  verify(@Payload() { connection }: OfConnection, @Ctx() call: CallContext) {
    return this.connections.verify(connection, call);
  }

  @Handle(routingRequests.connection)
  get(@Payload() { connection }: OfConnection, @Ctx() call: CallContext) {
    return this.connections.get(connection, call);
  }

  @Handle(routingRequests.connections)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.connections.list(query, call);
  }
}
