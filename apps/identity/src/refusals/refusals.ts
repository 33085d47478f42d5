/** Writes down who was not let in. */
import type { CallContext, Refusal } from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { v5 as uuidV5 } from 'uuid';
import { refusalDecider, type RefusalCommand, type RefusalEvent } from './refusal.decider.js';

/** Namespace of the ids that refusals turn into; never changed. */
const REFUSAL_NAMESPACE = '2b0a9f5e-7a70-4c1f-8a37-63c1e0d4b7a6';

@Injectable()
export class Refusals {
  private readonly things: Things<{ recorded: boolean }, RefusalCommand, RefusalEvent>;

  constructor(connections: Connections) {
    this.things = new Things(connections.eventStore, 'refusal', refusalDecider);
  }

  /** Once for each address, actor, way in and `since`, however often it is sent. */
  async record({ what, code, where, count, since }: Refusal, call: CallContext): Promise<null> {
    const { org, actor, address } = call;
    const id = uuidV5(
      JSON.stringify([org, actor.type, actor.id, address ?? null, what, code, where, since]),
      REFUSAL_NAMESPACE,
    );
    const refusal = { what, code, where, count, since };
    await this.things.handle(id, { type: 'RecordRefusal', refusal, now: new Date().toISOString() }, call);
    return null;
  }
}
