/** The figures as tables of text. */
import { aimsOf, ratiosOf } from './aims.js';
import type { Cell } from './plan.js';
import type { Results } from './queue-bench.js';
import { number, table } from './table.js';

export function report(results: Results): string {
  const { cpus, cpu, memoryGb, node } = results.machine;
  return [
    `${results.at}: ${cpus} × ${cpu}, ${memoryGb} GB, Node ${node}. Times in milliseconds, rates per second.`,
    ...throughput(results),
    ...processorTime(results),
    ...replicas(results),
    ...history(results),
    ...ratios(results),
    aims(results),
  ].join('\n\n');
}

/** `syncs`: what one writer alone gets synced in a second, between the slices; the lowest and the highest. */
function throughput(results: Results): string[] {
  const numbers = [...new Set(results.throughput.map(({ clients }) => clients))];
  return numbers.map((clients) => {
    const measured = results.throughput.filter((one) => one.clients === clients);
    const rows = measured.flatMap(({ system, cells, syncs, empty }) =>
      Object.entries(cells).map(([operation, cell], index) => {
        const disk = `${number(Math.min(...syncs))}-${number(Math.max(...syncs))}`;
        const once = index === 0 ? [disk, String(empty)] : [];
        return [index === 0 ? system : '', operation, number(cell.rate), ...latencies(cell), ...once];
      }),
    );
    const head = ['system', 'operation', 'rate', 'p50', 'p95', 'p99', 'disk syncs', 'empty claims'];
    return table(`${clients} ${clients === 1 ? 'client' : 'clients'}`, [head, ...rows]);
  });
}

function processorTime({ throughput: measured }: Results): string[] {
  const most = Math.max(...measured.map(({ clients }) => clients));
  const rows = measured
    .filter(({ clients }) => clients === most)
    .flatMap(({ system, cells }) =>
      Object.entries(cells).map(([operation, { cpu }]) => {
        const all = Object.values(cpu).reduce((sum, ms) => sum + ms, 0);
        const each = Object.entries(cpu).map(([name, ms]) => `${name} ${ms.toFixed(2)}`);
        return [system, operation, all.toFixed(2), each.join(', ')];
      }),
    );
  if (rows.length === 0) return [];
  const title = `CPU at ${most} clients: milliseconds per operation, with what each process did beside`;
  return [table(title, [['system', 'operation', 'all', 'by process'], ...rows])];
}

function replicas({ conflicts, push }: Results): string[] {
  if (conflicts.length === 0) return [];
  const lost = conflicts.map((one) => {
    const { replicas, pools, claims } = one;
    return [
      String(replicas),
      String(pools),
      String(claims),
      String(one.conflicts),
      `${(one.share * 100).toFixed(2)} %`,
    ];
  });
  const ways = push.flatMap(({ replicas, waiting, cells }) =>
    Object.entries(cells).map(([way, cell]) => [String(replicas), String(waiting), way, ...latencies(cell)]),
  );
  return [
    table('Conflicts of claims, 50 agents', [['replicas', 'pools', 'claims', 'lost', 'share'], ...lost]),
    table('Push: a job comes while agents wait', [
      ['replicas', 'agents', 'from, to', 'p50', 'p95', 'p99'],
      ...ways,
    ]),
  ];
}

function history({ history: measured }: Results): string[] {
  if (measured.length === 0) return [];
  const calls = Object.keys(measured[0]!.calls);
  const head = ['ended', 'waiting', 'lives', 'p50', 'CPU', ...calls, 'append s', 'catch up s', 'disk syncs'];
  const rows = measured.map(({ ended, waiting, life, calls: cells, ...rest }) => [
    number(ended),
    number(waiting),
    number(life.rate),
    number(life.p50),
    number(Object.values(life.cpu).reduce((sum, ms) => sum + ms, 0)),
    ...calls.map((call) => number(cells[call]!.p50)),
    number(rest.appendSeconds),
    number(rest.catchUpSeconds),
    number(rest.syncs),
  ]);
  return [
    table('With a history: lives at 10 clients, CPU ms per job; of the calls p50 at 1 client', [
      head,
      ...rows,
    ]),
  ];
}

function ratios(results: Results): string[] {
  const rows = ratiosOf(results);
  if (rows.length === 0) return [];
  const head = ['ours', 'peer', 'of', 'enqueue', 'claim', 'complete', 'life'];
  return [table('Ratios at 50 clients; above 1× is in our favour', [head, ...rows])];
}

function aims(results: Results): string {
  const rows = aimsOf(results).map(({ aim, measured, where, met }) => [
    aim,
    where,
    measured,
    met ? 'met' : 'MISSED',
  ]);
  return table('Aims', [['aim', 'of', 'measured', ''], ...rows]);
}

function latencies({ p50, p95, p99 }: Cell): string[] {
  return [p50, p95, p99].map(number);
}
