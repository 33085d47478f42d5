/** A relay as a process of its own, for specs that stop and kill it. Settings come from the environment. */
import { connectNats } from '@hybrid/messaging';
import { connectEventStore, connectPostgres } from './connections.js';
import { counterDecider } from './counter.fixtures.js';
import { Relay } from './relay.js';

const { NATS_URL, EVENTSTORE_URL, DATABASE_URL, SERVICE, LOCK_SILENCE_MS } = process.env;
const service = SERVICE!;
const relay = new Relay(
  {
    client: connectEventStore(EVENTSTORE_URL!),
    nats: await connectNats(NATS_URL!, service),
    pool: connectPostgres(DATABASE_URL!, service),
  },
  {
    service,
    prefixes: [`${service}-`],
    events: counterDecider.events,
    publish: ({ event }) => ({ noun: 'counter', event: 'added', type: 'CounterChanged', data: event.data }),
  },
  (message) => console.log(message),
  { silenceMs: Number(LOCK_SILENCE_MS) },
);
relay.start();
console.log('{"ready":true}');
