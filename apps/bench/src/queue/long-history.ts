/** What a job and the reads cost once there is a history of so many jobs, and with so many that wait. */
import type { JobView, ProjectionView } from '@hybrid/contracts';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bench } from './bench.js';
import { appendJobs } from './histories.js';
import { startOwnSystem, type OwnSystem } from './own-system.js';
import { cellsOf, type Call, type Cell } from './plan.js';

const WAITING_JOBS = 100_000;
/** A read model that follows fewer events a second than this, for a million jobs, is worth a failure. */
const CATCH_UP_MS = 1_800_000;
const CLIENTS = 10;

export interface HistoryFigures {
  /** Jobs that ended. */
  ended: number;
  waiting: number;
  /** Seconds to append them, and until the read models and the relay had caught up. */
  appendSeconds: number;
  catchUpSeconds: number;
  syncs: number;
  life: Cell;
  calls: Record<string, Cell>;
}

/**
 * @param sizes numbers of ended jobs, ascending. The jobs that wait come on top of the last.
 * @param measured gets the figures, one by one.
 */
export async function measureHistories(
  bench: Bench,
  sizes: number[],
  measured: HistoryFigures[],
): Promise<void> {
  const own = await startOwnSystem(join(bench.directory, 'history'), bench.cleanup);
  try {
    const target = await own.target(CLIENTS);
    let ended = 0;
    const warmUp = { target, pids: own.pids(), clients: CLIENTS, seconds: bench.seconds };
    await bench.run({ kind: 'lives', ...warmUp, withStart: true });
    for (const size of sizes) {
      measured.push(await grow(bench, own, { ended: size, more: size - ended, waiting: 0 }));
      ended = size;
    }
    measured.push(await grow(bench, own, { ended, more: WAITING_JOBS, waiting: WAITING_JOBS }));
  } finally {
    await own.stop();
  }
}

async function grow(
  bench: Bench,
  own: OwnSystem,
  { ended, more, waiting }: { ended: number; more: number; waiting: number },
): Promise<HistoryFigures> {
  const what = `${more} ${waiting ? 'waiting' : 'ended'} jobs`;
  bench.say(`history: appending ${what}`);
  await caughtUp(own);
  const before = await jobsIn(own);
  const begin = performance.now();
  const id = await appendJobs(own.eventStoreUrl, more, !waiting, (done) => bench.say(`  ${done} of ${what}`));
  const appendSeconds = (performance.now() - begin) / 1000;
  bench.say('history: waiting for the read models');
  await caughtUp(own);
  const catchUpSeconds = (performance.now() - begin) / 1000 - appendSeconds;
  const added = (await jobsIn(own)) - before;
  const { status } = await own.get<JobView>(`/api/queue/jobs/${id}`);
  if (added !== more || status !== (waiting ? 'QUEUED' : 'COMPLETED'))
    throw new Error(
      `history: of ${what} the list shows ${added}, and the last one is ${status}: the events are not as the queue stores them`,
    );
  const syncs = await bench.syncs();
  bench.say(`history: ${ended} ended, ${waiting} waiting (the disk: ${syncs.toFixed(0)} syncs/s)`);
  const calls: Record<string, Cell> = {};
  // What is explained is the last job of the history: it ended, or waits behind all others.
  for (const call of ['list 1000', 'stats', 'heartbeat', 'explain'] as const)
    calls[call] = await measureCall(bench, own, call, 1, id);
  const shared = {
    target: await own.target(CLIENTS),
    pids: own.pids(),
    clients: CLIENTS,
    seconds: bench.seconds,
  };
  const lives = await bench.run({ kind: 'lives', ...shared, withStart: true });
  const { life } = cellsOf([lives]);
  return { ended, waiting, appendSeconds, catchUpSeconds, syncs, life: life!, calls };
}

export async function measureCall(
  bench: Bench,
  own: OwnSystem,
  call: Call,
  clients: number,
  job_id?: string,
): Promise<Cell> {
  const target = await own.target(clients);
  const work = { kind: 'calls', target, pids: own.pids(), call, clients, job_id } as const;
  return cellsOf([await bench.run({ ...work, seconds: Math.min(bench.seconds, 2) })])[call]!;
}

async function jobsIn(own: OwnSystem): Promise<number> {
  return (await own.get<{ total: number }>('/api/queue/jobs?limit=1')).total;
}

/** Read models and the relay to NATS: neither works beside the measurements. */
async function caughtUp(own: OwnSystem): Promise<void> {
  const deadline = performance.now() + CATCH_UP_MS;
  for (;;) {
    const { projections } = await own.get<{ projections: ProjectionView[] }>('/api/operations/projections');
    const behind = projections.filter(({ lag_events }) => lag_events !== 0);
    const relayLag = await own.metric('hybrid_relay_lag_seconds');
    if (projections.length > 0 && behind.length === 0 && relayLag < 0.5) return;
    if (performance.now() > deadline)
      throw new Error(
        `history: not caught up after ${CATCH_UP_MS / 60_000} min: ${behind.map(({ name }) => name).join(', ')}, relay ${relayLag} s`,
      );
    await pause(250);
  }
}
