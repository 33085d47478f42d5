/** What Node's process tells of itself, observed only when somebody collects. */
import type { Meter } from '@opentelemetry/api';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { getHeapSpaceStatistics } from 'node:v8';

const NANOS = 1e9;
const MICROS = 1e6;
/** Wakes the process 50 times a second: fine enough to see a blocked loop, too rare to be measurable. */
const DELAY_RESOLUTION_MS = 20;

export function observeProcess(meter: Meter): void {
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  // Node counts from one wake-up to the next: its own pause is no lateness.
  const late = (nanos: number) => Math.max(0, nanos / NANOS - DELAY_RESOLUTION_MS / 1000);
  // Each collection tells of the time since the one before.
  for (const percentile of [50, 99])
    meter
      .createObservableGauge(`nodejs.eventloop.delay.p${percentile}`, {
        unit: 's',
        description: 'how late timers of the event loop were',
      })
      .addCallback((result) => result.observe(late(delay.percentile(percentile))));
  meter
    .createObservableGauge('nodejs.eventloop.delay.max', {
      unit: 's',
      description: 'how late the latest timer of the event loop was',
    })
    .addCallback((result) => {
      result.observe(late(delay.max));
      delay.reset();
    });
  let before = performance.eventLoopUtilization();
  meter
    .createObservableGauge('nodejs.eventloop.utilization', {
      unit: '1',
      description: 'share of the time in which the event loop was busy',
    })
    .addCallback((result) => {
      const now = performance.eventLoopUtilization();
      result.observe(performance.eventLoopUtilization(now, before).utilization);
      before = now;
    });
  meter
    .createObservableUpDownCounter('process.memory.usage', {
      unit: 'By',
      description: 'resident memory of the process',
    })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableUpDownCounter('v8js.memory.heap.used', {
      unit: 'By',
      description: 'memory used in each space of the heap',
    })
    .addCallback((result) => {
      for (const { space_name, space_used_size } of getHeapSpaceStatistics())
        result.observe(space_used_size, { 'v8js.heap.space.name': space_name });
    });
  meter
    .createObservableCounter('process.cpu.time', {
      unit: 's',
      description: 'CPU time used by the process',
    })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / MICROS, { 'cpu.mode': 'user' });
      result.observe(system / MICROS, { 'cpu.mode': 'system' });
    });
  meter
    .createObservableGauge('process.uptime', { unit: 's', description: 'time since the process started' })
    .addCallback((result) => result.observe(process.uptime()));
}
