import { healthRequest, type CallContext, type ListQuery } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Ctx, Payload } from '@nestjs/microservices';
import { __noun__Requests } from './__noun__.contract.js';
import { __Noun__s } from './__noun__s.js';

type Of__Noun__ = { __noun___id: string };

@MessageController()
export class __Noun__Controller {
  constructor(
    private readonly __noun__s: __Noun__s,
    private readonly connections: Connections,
  ) {}

  @Handle(__noun__Requests.open)
  open(@Payload() { __noun___id, name }: Of__Noun__ & { name: string }, @Ctx() call: CallContext) {
    return this.__noun__s.handle(__noun___id, { type: 'Open__Noun__', name, now: new Date().toISOString() }, call);
  }

  @Handle(__noun__Requests.close)
  close(@Payload() { __noun___id }: Of__Noun__, @Ctx() call: CallContext) {
    return this.__noun__s.handle(__noun___id, { type: 'Close__Noun__', now: new Date().toISOString() }, call);
  }

  @Handle(__noun__Requests.list)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.__noun__s.list(query, call);
  }

  @Handle(healthRequest('__service__'))
  health() {
    return this.connections.health('__service__');
  }
}
