/**
 * `npm run bench:relay`: webhooks, from the request until their runs have started, by way of each kind of queue; an outage
 * of the queue drained; and the relay alone beside a receiver of webhooks that people use. All on loopback.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Figures } from '../latency.js';
import { Cleanup } from '../queue/cleanup.js';
import { machine } from '../queue/machine.js';
import { startOwnSystem } from '../queue/own-system.js';
import { startCustomer } from './customer.js';
import { Path, type Sustained } from './path.js';
import { measureReceiver, NO_WEBHOOK, startPeer, type Received } from './peer.js';
import { directoryPlace } from './queues/directory.js';
import { natsPlace } from './queues/nats.js';
import type { QueuePlace } from './queues/queue-place.js';
import { redisPlace, type RedisPlace } from './queues/redis.js';
import { sqsPlace } from './queues/sqs.js';
import { storageQueuePlace } from './queues/storage-queue.js';
import { report } from './report.js';
import { StartedRuns } from './started-runs.js';
import { Host } from './webhooks.js';

const KINDS = ['directory', 'nats', 'redis', 'sqs', 'storage-queue'] as const;
type Kind = (typeof KINDS)[number];
/** The organisation of an installation that has one. */
const ORG = 'default';

export interface MeasuredQueue {
  kind: string;
  nowAndThen: Figures;
  sustained: Sustained;
  /** Seconds; of the kinds that are asked for. */
  drained?: number;
}

export interface Measured {
  queues: MeasuredQueue[];
  receivers: Received[];
  outage: number;
}

const OPTIONS = {
  kinds: { type: 'string', default: KINDS.join(',') },
  /** Whose outage is measured. */
  outages: { type: 'string', default: 'nats' },
  /** One every 100 ms. */
  few: { type: 'string', default: '100' },
  /** As fast as they pass. */
  many: { type: 'string', default: '1000' },
  /** One a second for an hour. */
  outage: { type: 'string', default: '3600' },
  directory: { type: 'string', default: tmpdir() },
  json: { type: 'string' },
} as const;

export async function benchRelay(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const kinds = values.kinds.split(',').filter(Boolean) as Kind[];
  const [few, many, outage] = [values.few, values.many, values.outage].map(Number) as [
    number,
    number,
    number,
  ];
  const directory = await mkdtemp(join(values.directory, 'hybrid-bench-relay-'));
  const cleanup = new Cleanup();
  cleanup.add(() => rm(directory, { recursive: true, force: true }));
  const interrupt = () => void cleanup.run().finally(() => process.exit(130));
  process.once('SIGINT', interrupt);
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const measured: Measured = { queues: [], receivers: [], outage };
  try {
    const [folder, credentials] = [join(directory, 'queues'), join(directory, 'credentials')];
    await mkdir(folder, { recursive: true });
    await mkdir(join(credentials, ORG), { recursive: true });
    const system = await startOwnSystem(join(directory, 'own'), cleanup, {
      services: ['identity', 'registry', 'pipelines', 'routing'],
      env: {
        HYBRID_PRIVATE_QUEUES: 'yes',
        HYBRID_QUEUE_DIRECTORIES: folder,
        HYBRID_QUEUE_CREDENTIALS: credentials,
      },
    });
    const runs = new StartedRuns(system.eventStoreUrl, cleanup);
    for (const kind of kinds) {
      const place = await PLACES[kind](folder, cleanup);
      if (!place) {
        say(`${kind}: its server is not on this machine and is left out`);
        continue;
      }
      const customer = await startCustomer(
        kind,
        system,
        place,
        join(directory, kind),
        join(credentials, ORG),
        cleanup,
      );
      const host = new Host(customer.url, 20);
      const path = new Path(host, runs, () => ({
        ...system.pids(),
        relay: customer.pid,
        ...(place.pid !== undefined && { 'its server': place.pid }),
      }));
      say(`${kind}: to warm up`);
      await path.sustained(Math.min(many, 100));
      say(`${kind}: ${few}, ten a second`);
      const nowAndThen = await path.nowAndThen(few);
      say(`${kind}: ${many} at once`);
      const sustained = await path.sustained(many);
      const one: MeasuredQueue = { kind, nowAndThen, sustained };
      measured.queues.push(one);
      if (values.outages.split(',').includes(kind)) {
        say(`${kind}: ${outage} while it is away`);
        one.drained = await path.outage(outage, place.away, place.back);
      }
      await host.close();
      await customer.pause();
      if (kind === 'redis')
        measured.receivers = await besidePeer(
          customer,
          place as RedisPlace,
          directory,
          { one: few, many },
          cleanup,
          say,
        );
    }
  } finally {
    process.off('SIGINT', interrupt);
    if (measured.queues.length > 0) {
      if (values.json)
        await writeFile(
          values.json,
          JSON.stringify({ at: new Date().toISOString(), machine: machine(), ...measured }),
        );
      console.log(report(measured));
    }
    await cleanup.run();
  }
}

const PLACES: Record<Kind, (directory: string, cleanup: Cleanup) => Promise<QueuePlace | null>> = {
  directory: directoryPlace,
  nats: natsPlace,
  redis: redisPlace,
  sqs: sqsPlace,
  'storage-queue': storageQueuePlace,
};

/** The relay and the peer in turn, onto the same stream, which nobody else reads now. */
async function besidePeer(
  relay: { url: string; pid: number },
  place: RedisPlace,
  directory: string,
  times: { one: number; many: number },
  cleanup: Cleanup,
  say: (text: string) => void,
): Promise<Received[]> {
  const stream = place.queue.kind === 'redis' ? place.queue.stream : '';
  const peer = await startPeer(join(directory, 'peer'), place.url, stream, cleanup);
  if (!peer) say(NO_WEBHOOK);
  const received: Received[] = [];
  for (const receiver of [{ name: 'our relay', ...relay }, ...(peer ? [peer] : [])]) {
    say(`${receiver.name}, onto the queue only`);
    received.push(await measureReceiver(receiver, place.url, stream, times));
  }
  return received;
}
