import { describe, expect, it } from '@jest/globals';
import { figuresOf } from '../latency.js';
import { aimsOf, ratiosOf } from './aims.js';
import { cellsOf, type Answer, type Cell } from './plan.js';
import type { Results } from './queue-bench.js';
import { report } from './report.js';
import { table } from './table.js';

const cell = (rate: number, ms = 1): Cell => ({
  p50: ms,
  p95: ms,
  p99: ms,
  rate,
  count: 100,
  seconds: 100 / rate,
  cpu: { server: 2, clients: 1 },
});

const measured: Results = {
  at: '2030-01-02T03:04:05.000Z',
  machine: { cpus: 2, cpu: 'any', memoryGb: 24, node: 'v20.20.2' },
  throughput: [
    {
      system: 'hybrid ×1',
      clients: 50,
      syncs: [900, 4000],
      cells: { enqueue: cell(2_100), claim: cell(900) },
      empty: 0,
    },
    {
      system: 'pg-boss',
      clients: 50,
      syncs: [900, 4000],
      cells: { enqueue: cell(700), claim: cell(600) },
      empty: 3,
    },
  ],
  conflicts: [
    { replicas: 1, pools: 1, claims: 100, conflicts: 0, share: 0 },
    { replicas: 3, pools: 1, claims: 90, conflicts: 10, share: 0.1 },
  ],
  push: [],
  heartbeat: null,
  history: [],
};

describe('figures', () => {
  it('are percentiles of all latencies, in whatever order they came', () => {
    const latencies = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(figuresOf({ latencies, seconds: 4 })).toEqual({
      p50: 51,
      p95: 96,
      p99: 100,
      rate: 25,
      count: 100,
      seconds: 4,
    });
  });

  it('of several slices are those of all their operations together', () => {
    const slice = (latencies: number[], seconds: number, ms: number): Answer => ({
      measured: { claim: { latencies, seconds, cpu: { queue: ms } } },
      empty: 0,
    });
    const { claim } = cellsOf([slice([1, 1, 1], 1, 30), slice([9], 3, 10)]);
    expect(claim).toMatchObject({ count: 4, rate: 1, p50: 1, p99: 9, cpu: { queue: 10 } });
  });
});

describe('the report', () => {
  it('sets figures to the right, and shows every part that was measured', () => {
    expect(
      table('T', [
        ['name', 'rate'],
        ['a', '7'],
        ['bcd', '1,234'],
      ]),
    ).toBe(['T', '  name   rate', '  a         7', '  bcd   1,234'].join('\n'));
    const text = report(measured);
    for (const title of [
      '50 clients',
      'CPU at 50 clients',
      'Conflicts of claims',
      'Ratios at 50 clients',
      'Aims',
    ])
      expect(text).toContain(`\n\n${title}`);
    expect(text).not.toContain('With a history');
  });

  it('says of each aim that was measured whether it is met', () => {
    const met = Object.fromEntries(aimsOf(measured).map((aim) => [`${aim.aim}, ${aim.where}`, aim.met]));
    expect(met).toEqual({
      'enqueue ≥ 2,000/s, hybrid ×1, 50 clients': true,
      'claim ≥ 1,500/s, hybrid ×1, 50 clients': false,
      'claims lost to conflicts < 5 %, hybrid ×1, 50 agents, pools: 1': true,
      'claims lost to conflicts < 5 %, hybrid ×3, 50 agents, pools: 1': false,
      'enqueue ≥ 2× pg-boss, hybrid ×1, 50 clients': true,
      'claim ≥ 3× pg-boss, hybrid ×1, 50 clients': false,
    });
  });

  it('compares rates, and CPU without that of the clients, so that more is in our favour', () => {
    expect(ratiosOf(measured)).toEqual([
      ['hybrid ×1', 'pg-boss', 'rate', '3.00×', '1.50×', '', ''],
      ['', '', 'CPU', '1.00×', '1.00×', '', ''],
    ]);
  });
});
