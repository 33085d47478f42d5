/** The whole path of webhooks through one queue: one now and then, as many as pass, and an outage of the queue. */
import { setTimeout as pause } from 'node:timers/promises';
import { figuresOf, repeat, type Figures } from '../latency.js';
import { cpuOf } from '../queue/machine.js';
import type { StartedRuns } from './started-runs.js';
import type { Host } from './webhooks.js';

/** Milliseconds between two webhooks that come now and then. */
const EVERY_MS = 100;
/** Webhooks that a host has under way at once. */
const CLIENTS = 20;

export interface Sustained {
  /** A second: answered by the relay, and started. */
  accepted: number;
  started: number;
  /** Milliseconds of CPU of each webhook, by process. */
  cpu: Record<string, number>;
}

interface Sent {
  id: string;
  at: number;
}

export class Path {
  constructor(
    private readonly host: Host,
    private readonly runs: StartedRuns,
    private readonly pids: () => Record<string, number>,
  ) {}

  /** From the request to its run, of webhooks that come ten a second. */
  async nowAndThen(count: number): Promise<Figures> {
    const begin = performance.now();
    const sending: Promise<Sent>[] = [];
    for (let turn = 0; turn < count; turn++) {
      sending.push(this.send());
      await pause(Math.max(0, begin + (turn + 1) * EVERY_MS - performance.now()));
    }
    const sent = await Promise.all(sending);
    const started = await this.runs.all(sent.map(({ id }) => id));
    const latencies = started.map((at, turn) => at - sent[turn]!.at);
    return figuresOf({ latencies, seconds: (performance.now() - begin) / 1000 });
  }

  async sustained(count: number): Promise<Sustained> {
    const before = await cpuOf(this.pids());
    const begin = performance.now();
    const sent: Sent[] = [];
    const { seconds } = await repeat(
      CLIENTS,
      (turn) => turn < count,
      async () => sent.push(await this.send()),
    );
    const last = Math.max(...(await this.runs.all(sent.map(({ id }) => id))));
    const after = await cpuOf(this.pids());
    const cpu = Object.entries(after).map(
      ([name, ms]) => [name, (ms - (before[name] ?? 0)) / count] as const,
    );
    return {
      accepted: count / seconds,
      started: (count * 1000) / (last - begin),
      cpu: Object.fromEntries(cpu),
    };
  }

  /** Seconds from the queue's return until each webhook that came meanwhile has its run. */
  async outage(count: number, away: () => Promise<unknown>, back: () => Promise<unknown>): Promise<number> {
    await away();
    const sent: Sent[] = [];
    await repeat(
      CLIENTS,
      (turn) => turn < count,
      async () => sent.push(await this.send()),
    );
    const begin = performance.now();
    await back();
    return (Math.max(...(await this.runs.all(sent.map(({ id }) => id)))) - begin) / 1000;
  }

  private async send(): Promise<Sent> {
    const at = performance.now();
    const { id } = JSON.parse(await this.host.push()) as { id: string };
    return { id, at };
  }
}
