/** Asks for a queue that is not there, and says what it hears: run as `<configuration>`, with `CREDENTIAL` in its environment. */
import { NatsWriter } from './nats/nats-writer.js';
import type { NatsQueue, RedisQueue } from './queue-config.js';
import { RedisWriter } from './redis/redis-writer.js';
import type { QueueError } from './user-queue.js';

const config = JSON.parse(process.argv[2] ?? '') as NatsQueue | RedisQueue;
const options = { credential: process.env['CREDENTIAL'] };
const writer = config.kind === 'nats' ? new NatsWriter(config, options) : new RedisWriter(config, options);
const said = await writer.verifyAccess().then(
  () => 'it is there',
  ({ code, message }: QueueError) => `${code}: ${message}`,
);
process.stdout.write(said);
await writer.close();
