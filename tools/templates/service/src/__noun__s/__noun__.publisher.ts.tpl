import type { Publisher } from '@hybrid/event-store';
import { __noun__Events, type __Noun__Event } from './__noun__.decider.js';

/** What others see of a __noun__. */
export const __noun__Publisher: Publisher<__Noun__Event> = {
  service: '__service__',
  prefixes: ['__noun__-'],
  events: __noun__Events,
  publish: ({ event, thingId }) => {
    const data = { __noun___id: thingId };
    switch (event.type) {
      case '__Noun__Opened':
        return { noun: '__noun__', event: 'opened', type: '__Noun__Changed', data };
      case '__Noun__Closed':
        return { noun: '__noun__', event: 'closed', type: '__Noun__Changed', data };
    }
  },
};
