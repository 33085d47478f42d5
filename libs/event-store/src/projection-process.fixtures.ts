/**
 * A replica that keeps read models, as a process of its own, for specs that kill it. Where it is told to, it rebuilds
 * them again and again, so that a kill hits rebuilds and switches, too. Settings come from the environment.
 */
import { connectEventStore, connectPostgres } from './connections.js';
import { countersOf, tallyOf } from './projection.fixtures.js';
import { Projector } from './projector.js';

const { EVENTSTORE_URL, DATABASE_URL, SCHEMA, REBUILDS } = process.env;
const schema = SCHEMA!;
const client = connectEventStore(EVENTSTORE_URL!);
const pool = connectPostgres(DATABASE_URL!, schema);
const projectors = [countersOf(schema), tallyOf(schema)].map(
  (projection) => new Projector(client, pool, projection, (message) => console.log(message)),
);
for (const projector of projectors) await projector.start();
console.log('{"ready":true}');
while (REBUILDS === 'true') {
  for (const projector of projectors) {
    try {
      await projector.rebuild();
    } catch (error) {
      // Another replica rebuilds it at the moment.
      console.log(String(error));
    }
    await new Promise((wake) => setTimeout(wake, 50));
  }
}
