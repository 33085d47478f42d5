import { identityRequests, type CallContext } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import type { SessionEnd, SessionStarted } from './session.decider.js';
import { Sessions } from './sessions.js';

type OfSession = { session_id: string; user_id: string };

@MessageController()
export class SessionController {
  constructor(private readonly sessions: Sessions) {}

  @Handle(identityRequests.sessionStarted)
  start(
    @Payload() { session_id, ...session }: OfSession & Omit<SessionStarted, 'at'>,
    @Ctx() call: CallContext,
  ) {
    const now = new Date().toISOString();
    return this.sessions.handle(session_id, { type: 'StartSession', ...session, now }, call);
  }

  @Handle(identityRequests.sessionEnded)
  end(
    @Payload() { session_id, user_id, reason }: OfSession & { reason: SessionEnd },
    @Ctx() call: CallContext,
  ) {
    const now = new Date().toISOString();
    return this.sessions.handle(session_id, { type: 'EndSession', user_id, reason, now }, call);
  }
}
