/** What the bench asks of the process that is its clients, and what that answers: bodies of `POST /run`. */
import { figuresOf, type Figures, type Timings } from '../latency.js';

/** Where the requests go. */
export type Target =
  | { kind: 'hybrid'; url: string; adminToken: string; agents: BenchAgent[] }
  /** A peer behind its front, see peer-front.ts. */
  | { kind: 'front'; url: string };

export interface BenchAgent {
  agent_id: string;
  credential: string;
  pool: string;
}

export type Call = 'heartbeat' | 'stats' | 'list 1000' | 'explain';

export type Work = { target: Target; pids: Record<string, number> } & (
  | {
      /** `jobs` are enqueued, then all claimed, started (ours only) and completed; again until `seconds` have passed. */
      kind: 'rounds';
      clients: number;
      jobs: number;
      seconds: number;
    }
  /** Each client takes jobs through their whole life, one after the other. */
  | { kind: 'lives'; clients: number; seconds: number; withStart: boolean }
  /** Each client is an agent that works: it claims, is busy for `workMs`, completes, `times` times; they begin one after the other. */
  | { kind: 'work'; clients: number; times: number; workMs: number }
  | { kind: 'calls'; call: Call; clients: number; seconds: number; job_id?: string }
  /** `waiting` agents wait for jobs, of which one is enqueued every `everyMs`. */
  | { kind: 'push'; waiting: number; jobs: number; everyMs: number }
);

/** By operation. `empty`: claims that were answered with no job and asked again. `cpu`: milliseconds, by process. */
export interface Answer {
  measured: Record<string, Timings & { cpu: Record<string, number> }>;
  empty: number;
}

/** `cpu`: milliseconds of CPU per operation, by process. */
export interface Cell extends Figures {
  cpu: Record<string, number>;
}

/** Of several runs together. */
export function cellsOf(answers: Answer[]): Record<string, Cell> {
  const operations = [...new Set(answers.flatMap(({ measured }) => Object.keys(measured)))];
  return Object.fromEntries(operations.map((operation) => [operation, cellOf(answers, operation)]));
}

function cellOf(answers: Answer[], operation: string): Cell {
  const parts = answers.flatMap(({ measured }) => measured[operation] ?? []);
  const latencies = parts.flatMap((part) => part.latencies);
  const figures = figuresOf({ latencies, seconds: parts.reduce((sum, { seconds }) => sum + seconds, 0) });
  const cpu: Record<string, number> = {};
  for (const part of parts)
    for (const [name, ms] of Object.entries(part.cpu)) cpu[name] = (cpu[name] ?? 0) + ms / figures.count;
  return { ...figures, cpu };
}
