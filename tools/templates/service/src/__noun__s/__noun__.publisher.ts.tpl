import type { Publisher } from '@hybrid/event-store';
import type { __Noun__Event } from './__noun__.decider.js';

/** What others see of a __noun__. */
export const __noun__Publisher: Publisher = {
  service: '__service__',
  prefixes: ['__noun__-'],
  publish: ({ event, thingId }) => {
    const data = { __noun___id: thingId };
    switch ((event as __Noun__Event).type) {
      case '__Noun__Opened':
        return { noun: '__noun__', event: 'opened', type: '__Noun__Changed', data };
      case '__Noun__Closed':
        return { noun: '__noun__', event: 'closed', type: '__Noun__Changed', data };
    }
  },
};
