import type { SessionChanged } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { sessionEvents, type SessionEvent } from './session.decider.js';

/** Who came and went; from where is for audit alone. */
export const sessionPublisher: Publisher<SessionEvent> = {
  service: 'identity',
  prefixes: ['session-'],
  events: sessionEvents,
  publish: ({ event, thingId }) => {
    const ended = event.type === 'SessionEnded';
    const data: SessionChanged = {
      session_id: thingId,
      user_id: event.data.user_id,
      status: ended ? 'ENDED' : 'STARTED',
    };
    return { noun: 'session', event: ended ? 'ended' : 'started', type: 'SessionChanged', data };
  },
};
