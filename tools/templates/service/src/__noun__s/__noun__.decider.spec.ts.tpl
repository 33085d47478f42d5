import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { __noun__Decider, type __Noun__Event } from './__noun__.decider.js';

const now = '2026-01-01T00:00:00.000Z';
const opened: __Noun__Event = { type: '__Noun__Opened', data: { name: 'first', at: now } };
const closed: __Noun__Event = { type: '__Noun__Closed', data: { at: now } };

describe('a __noun__', () => {
  it('is opened once', () => {
    given(__noun__Decider).when({ type: 'Open__Noun__', name: 'first', now }).then(opened);
    given(__noun__Decider, opened).when({ type: 'Open__Noun__', name: 'first', now }).thenNothing();
    given(__noun__Decider, opened).when({ type: 'Open__Noun__', name: 'other', now }).thenRejected('__noun___exists');
  });

  it('is closed once, and only if it is there', () => {
    given(__noun__Decider, opened).when({ type: 'Close__Noun__', now }).then(closed);
    given(__noun__Decider, opened, closed).when({ type: 'Close__Noun__', now }).thenNothing();
    given(__noun__Decider).when({ type: 'Close__Noun__', now }).thenRejected('__noun___not_found');
  });
});
