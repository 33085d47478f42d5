import { machine } from '../queue/machine.js';
import { number, table } from '../queue/table.js';
import type { Measured } from './relay-bench.js';

const PROCESSES = ['relay', 'its server', 'routing', 'pipelines', 'event-store', 'nats', 'postgres'];

export function report({ queues, receivers, outage }: Measured): string {
  const { cpus, cpu, memoryGb, node } = machine();
  const ms = (value: number) => `${number(value)} ms`;
  const path = queues.map(({ kind, nowAndThen: { p50, p95, p99 }, sustained }) => [
    kind,
    ...[p50, p95, p99].map(ms),
    number(sustained.accepted),
    number(sustained.started),
  ]);
  const spent = queues.map(({ kind, sustained }) => [
    kind,
    ...PROCESSES.map((name) => number(sustained.cpu[name] ?? 0)),
    number(Object.values(sustained.cpu).reduce((sum, one) => sum + one, 0)),
  ]);
  const drained = queues.flatMap(({ kind, drained: seconds }) =>
    seconds === undefined ? [] : [[kind, `${number(seconds)} s`, number(outage / seconds)]],
  );
  const alone = receivers.map(({ name, answered, queued, rate, cpu: each }) => [
    name,
    ms(answered.p50),
    ms(queued.p50),
    ms(queued.p99),
    number(rate),
    ms(each),
  ]);
  return [
    `${new Date().toISOString()}: ${cpus} × ${cpu}, ${memoryGb} GB, Node ${node}.`,
    table('Webhook to run started: ten a second, then as many as pass', [
      ['queue', 'p50', 'p95', 'p99', 'accepted/s', 'started/s'],
      ...path,
    ]),
    table('CPU of each, ms', [['queue', ...PROCESSES, 'all'], ...spent]),
    ...(drained.length > 0
      ? [
          table(`${number(outage)} webhooks that came while the queue was away`, [
            ['queue', 'drained in', 'a second'],
            ...drained,
          ]),
        ]
      : []),
    ...(alone.length > 0
      ? [
          table('Webhook to queue (redis), one at a time, then 20 at once', [
            ['', 'answered p50', 'queued p50', 'p99', 'queued/s', 'CPU of each'],
            ...alone,
          ]),
        ]
      : []),
  ].join('\n\n');
}
