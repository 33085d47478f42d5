/** Writes down who began and ended a session. */
import type { CallContext } from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import {
  sessionDecider,
  type SessionCommand,
  type SessionEvent,
  type SessionState,
} from './session.decider.js';

@Injectable()
export class Sessions {
  private readonly things: Things<SessionState, SessionCommand, SessionEvent>;

  constructor(connections: Connections) {
    this.things = new Things(connections.eventStore, 'session', sessionDecider);
  }

  async handle(sessionId: string, command: SessionCommand, call: CallContext): Promise<null> {
    await this.things.handle(sessionId, command, call);
    return null;
  }
}
