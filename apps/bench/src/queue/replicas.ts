/** What several replicas of the queue cost and bring: conflicts of claims, and how soon a waiting agent has its job. */
import type { Bench } from './bench.js';
import type { OwnSystem } from './own-system.js';
import { cellsOf, type Cell } from './plan.js';

const AGENTS = 50;
const POOLS = [1, 10];
const JOBS = 2_000;
const PUSHES = 200;
const PUSH_EVERY_MS = 20;
export const WAITING = [10, 50];

export interface Conflicts {
  replicas: number;
  pools: number;
  claims: number;
  conflicts: number;
  /** Claims lost to another replica, of all that were tried. */
  share: number;
}

export interface Push {
  replicas: number;
  waiting: number;
  cells: Record<string, Cell>;
}

/** Fifty agents claim at once what waits, in one pool and in ten. */
export async function measureConflicts(bench: Bench, own: OwnSystem, replicas: number): Promise<Conflicts[]> {
  const measured: Conflicts[] = [];
  for (const pools of POOLS) {
    bench.say(`conflicts of claims: ${replicas} replicas, ${AGENTS} agents in ${pools} pools`);
    const target = await own.target(AGENTS, pools);
    const before = await counted(own);
    const shared = { target, pids: {}, clients: AGENTS };
    await bench.run({ kind: 'rounds', ...shared, jobs: JOBS, seconds: bench.seconds });
    await bench.run({ kind: 'lives', ...shared, seconds: bench.seconds, withStart: true });
    const after = await counted(own);
    const claims = after.claims - before.claims;
    const conflicts = after.conflicts - before.conflicts;
    if (claims < JOBS) throw new Error(`the queue's replicas counted ${claims} claims of at least ${JOBS}`);
    measured.push({ replicas, pools, claims, conflicts, share: conflicts / (claims + conflicts) });
  }
  return measured;
}

export async function measurePushes(bench: Bench, own: OwnSystem, replicas: number): Promise<Push[]> {
  const measured: Push[] = [];
  for (const waiting of WAITING) {
    bench.say(`push: ${replicas} replicas, ${waiting} agents wait`);
    const target = await own.target(waiting);
    const push = { kind: 'push', waiting, jobs: PUSHES, everyMs: PUSH_EVERY_MS } as const;
    const answer = await bench.run({ ...push, target, pids: own.pids() });
    measured.push({ replicas, waiting, cells: cellsOf([answer]) });
  }
  return measured;
}

async function counted(own: OwnSystem): Promise<{ claims: number; conflicts: number }> {
  const [claims, conflicts] = [
    await own.metric('hybrid_queue_claims_total'),
    await own.metric('hybrid_queue_claim_conflicts_total'),
  ];
  return { claims, conflicts };
}
