import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { sessionDecider, type SessionCommand, type SessionEvent } from './session.decider.js';

const now = '2026-01-01T00:00:00.000Z';
const session = { provider: 'google', device: 'Firefox', expires_at: '2026-01-02T00:00:00.000Z' };
const start = (user_id = 'ada'): SessionCommand => ({ type: 'StartSession', user_id, ...session, now });
const end = (user_id = 'ada'): SessionCommand => ({ type: 'EndSession', user_id, reason: 'forced', now });
const started: SessionEvent = { type: 'SessionStarted', data: { user_id: 'ada', ...session, at: now } };
const ended: SessionEvent = { type: 'SessionEnded', data: { user_id: 'ada', reason: 'forced', at: now } };

describe('a session', () => {
  it('begins once and ends once', () => {
    given(sessionDecider).when(start()).then(started);
    given(sessionDecider, started).when(start()).thenNothing();
    given(sessionDecider, started).when(end()).then(ended);
    given(sessionDecider, started, ended).when(end()).thenNothing();
    given(sessionDecider, started, ended).when(start()).thenNothing();
  });

  it('that never began does not end', () => {
    given(sessionDecider).when(end()).thenRejected('session_not_found');
  });

  it('is nobody else’s', () => {
    for (const history of [[started], [started, ended]])
      for (const command of [start('eve'), end('eve')])
        given(sessionDecider, ...history)
          .when(command)
          .thenRejected('session_not_found');
  });
});
