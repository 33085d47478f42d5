/** What the queue shall reach on two cores, and the ratios, which count more: the machine may be busy with other things. */
import type { Cell } from './plan.js';
import type { Results } from './queue-bench.js';
import { number } from './table.js';

export interface Aim {
  aim: string;
  /** As text, with its unit. */
  measured: string;
  /** Of which of ours. */
  where: string;
  met: boolean;
}

const OURS = ['hybrid ×1', 'hybrid ×3', 'standalone'];
const MOST = 50;

const COMPARED = ['enqueue', 'claim', 'complete', 'life'];

/**
 * Ours to each peer at 50 clients: names, what is compared (more than 1× is in our favour), then the ratios by operation.
 * The ratio of CPU hardly depends on what else the machine does.
 */
export function ratiosOf(results: Results): string[][] {
  const systems = [...new Set(results.throughput.map(({ system }) => system))];
  const peers = systems.filter((name) => !OURS.includes(name));
  const shown = (ratio: number | null) => (ratio === null ? '' : `${ratio.toFixed(2)}×`);
  return OURS.filter((name) => systems.includes(name)).flatMap((own) =>
    peers.flatMap((peer) => [
      [own, peer, 'rate', ...COMPARED.map((operation) => shown(ratioOf(results, own, peer, operation)))],
      ['', '', 'CPU', ...COMPARED.map((operation) => shown(ratioOf(results, peer, own, operation, cpuOf)))],
    ]),
  );
}

/** Those that were measured, each of that of ours which did best at it. */
export function aimsOf(results: Results): Aim[] {
  return [
    ...rateAim(results, 'enqueue', 2_000),
    ...rateAim(results, 'claim', 1_500),
    ...rateAim(results, 'life', 500),
    ...latencyAim(results, 'claim', 'p50', 2),
    ...latencyAim(results, 'claim', 'p95', 5),
    ...latencyAim(results, 'claim at work', 'p50', 2),
    ...latencyAim(results, 'claim at work', 'p95', 5),
    ...ceiling('heartbeat p50 ≤ 1 ms', results.heartbeat?.p50, 1, 'hybrid ×1, 1 client'),
    ...historyAims(results),
    ...results.push.flatMap(({ replicas, waiting, cells }) => {
      const { p99 } = cells['enqueue acknowledged to claimed']!;
      return ceiling('push latency p99 < 50 ms', p99, 50, `hybrid ×${replicas}, ${waiting} agents wait`);
    }),
    ...results.conflicts.map(({ replicas, pools, share }) => ({
      aim: 'claims lost to conflicts < 5 %',
      measured: `${(share * 100).toFixed(2)} %`,
      where: `hybrid ×${replicas}, 50 agents, pools: ${pools}`,
      met: share < 0.05,
    })),
    ...ratioAim(results, 'pg-boss', 'enqueue', 2),
    ...ratioAim(results, 'graphile-worker', 'enqueue', 2),
    ...ratioAim(results, 'pg-boss', 'claim', 3),
    ...ratioAim(results, 'graphile-worker', 'claim', 3),
    ...ratioAim(results, 'bullmq', 'enqueue', 1),
    ...ratioAim(results, 'bullmq', 'claim', 1),
  ];
}

function rateAim(results: Results, operation: string, least: number): Aim[] {
  const best = bestOf((ours) => cellOf(results, ours, MOST, operation)?.rate);
  if (!best) return [];
  const aim = `${operation} ≥ ${number(least)}/s`;
  return [
    {
      aim,
      measured: `${number(best.value)}/s`,
      where: `${best.ours}, ${MOST} clients`,
      met: best.value >= least,
    },
  ];
}

function latencyAim(results: Results, operation: string, share: 'p50' | 'p95', most: number): Aim[] {
  const best = bestOf((ours) => {
    const value = cellOf(results, ours, 10, operation)?.[share];
    return value === undefined ? undefined : -value;
  });
  return ceiling(`${operation} ${share} ≤ ${most} ms`, best && -best.value, most, `${best?.ours}, 10 agents`);
}

/** At the longest history that was measured. */
function historyAims({ history }: Results): Aim[] {
  const longest = history.filter(({ waiting }) => waiting === 0).at(-1);
  if (!longest) return [];
  const where = `hybrid ×1, ${number(longest.ended)} jobs of history`;
  return [
    ...ceiling('list of 1,000 jobs p50 ≤ 8 ms', longest.calls['list 1000']?.p50, 8, where),
    ...ceiling('stats p50 ≤ 4 ms', longest.calls['stats']?.p50, 4, where),
  ];
}

function ratioAim(results: Results, peer: string, operation: string, least: number): Aim[] {
  const best = bestOf((ours) => ratioOf(results, ours, peer, operation) ?? undefined);
  if (!best) return [];
  const measured = `${best.value.toFixed(2)}×`;
  const aim = `${operation} ≥ ${least}× ${peer}`;
  return [{ aim, measured, where: `${best.ours}, ${MOST} clients`, met: best.value >= least }];
}

function ceiling(aim: string, value: number | undefined, most: number, where: string): Aim[] {
  return value === undefined ? [] : [{ aim, measured: `${number(value)} ms`, where, met: value <= most }];
}

/** The highest; undefined where none was measured. */
function bestOf(valueOf: (ours: string) => number | undefined): { ours: string; value: number } | undefined {
  const measured = OURS.flatMap((ours) => {
    const value = valueOf(ours);
    return value === undefined ? [] : [{ ours, value }];
  });
  return measured.sort((a, b) => b.value - a.value)[0];
}

function ratioOf(
  results: Results,
  above: string,
  below: string,
  operation: string,
  valueOf = ({ rate }: Cell) => rate,
): number | null {
  const [one, other] = [above, below].map((system) => cellOf(results, system, MOST, operation));
  return one && other ? valueOf(one) / valueOf(other) : null;
}

/** Milliseconds of CPU per operation, of all but the clients. */
function cpuOf({ cpu }: Cell): number {
  return Object.entries(cpu).reduce((sum, [name, ms]) => (name === 'clients' ? sum : sum + ms), 0);
}

function cellOf(
  { throughput }: Results,
  system: string,
  clients: number,
  operation: string,
): Cell | undefined {
  return throughput.find((one) => one.system === system && one.clients === clients)?.cells[operation];
}
