/** Figures of one operation: latencies in milliseconds, rate in operations a second. */
export interface Figures {
  p50: number;
  p95: number;
  rate: number;
}

/** Runs `operation` `count` times by `clients` clients side by side; `operation` gets the number of its turn. */
export async function measure(
  clients: number,
  count: number,
  operation: (turn: number) => Promise<unknown>,
): Promise<Figures> {
  const latencies: number[] = [];
  let turn = 0;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (turn < count) {
        const start = performance.now();
        await operation(turn++);
        latencies.push(performance.now() - start);
      }
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), rate: count / seconds };
}
