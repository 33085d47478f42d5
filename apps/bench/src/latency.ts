/** Figures of one operation: latencies in milliseconds, rate in operations a second. */
export interface Figures {
  p50: number;
  p95: number;
  p99: number;
  rate: number;
  count: number;
  seconds: number;
}

/** What was measured: milliseconds of each operation, in any order, and the seconds until the last was done. */
export interface Timings {
  latencies: number[];
  seconds: number;
}

type Operation = (turn: number) => Promise<unknown>;

/** Runs `operation` `count` times by `clients` clients side by side; `operation` gets the number of its turn. */
export async function measure(clients: number, count: number, operation: Operation): Promise<Figures> {
  return figuresOf(await repeat(clients, (turn) => turn < count, operation));
}

/** As long as there is one `more`, which is asked with the number of the next turn. */
export async function repeat(
  clients: number,
  more: (turn: number) => boolean,
  operation: Operation,
): Promise<Timings> {
  const latencies: number[] = [];
  let turn = 0;
  const begin = performance.now();
  const client = async () => {
    while (more(turn)) {
      const start = performance.now();
      await operation(turn++);
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { latencies, seconds: (performance.now() - begin) / 1000 };
}

export function figuresOf({ latencies, seconds }: Timings): Figures {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const count = sorted.length;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), rate: count / seconds, count, seconds };
}
