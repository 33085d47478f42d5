/** How long a consumer takes to settle its messages: the last 1,000, in milliseconds, as EventStoreDB tells them. */
const WINDOW = 1000;
const PERCENTILES: readonly (readonly [string, number])[] = [
  ['Quintile 1', 0],
  ['Quintile 2', 0.2],
  ['Quintile 3', 0.4],
  ['Quintile 4', 0.6],
  ['Quintile 5', 0.8],
  ['90%', 0.9],
  ['95%', 0.95],
  ['99%', 0.99],
  ['99.5%', 0.995],
  ['99.9%', 0.999],
];

export class Latencies {
  private readonly measured: number[] = [];

  add(milliseconds: number): void {
    if (this.measured.length === WINDOW) this.measured.shift();
    this.measured.push(Math.trunc(milliseconds));
  }

  /** Names and whole milliseconds; nothing before the first measurement. */
  summary(): (readonly [string, number])[] {
    const sorted = [...this.measured].sort((a, b) => a - b);
    const count = sorted.length;
    if (count === 0) return [];
    const at = (index: number) => sorted[Math.min(count - 1, Math.trunc(index))] ?? 0;
    return [
      ['Mean', Math.trunc(sorted.reduce((sum, value) => sum + value, 0) / count)],
      ['Median', at(count / 2)],
      ['Fastest', at(0)],
      ...PERCENTILES.map(([name, part]) => [name, at(part * count)] as const),
      ['Highest', at(count - 1)],
    ];
  }
}
