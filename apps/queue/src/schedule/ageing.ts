/** Priorities as ranks, 0 the most urgent, and what waiting makes of them. */

export class Ageing {
  private readonly intervalMs: number;

  /** 0: jobs do not age. */
  constructor(seconds: number) {
    this.intervalMs = Math.round(seconds * 1000);
  }

  /** One rank better for each interval waited since `availableAt`. Times in milliseconds since the epoch. */
  rankAt(at: number, rank: number, availableAt: number): number {
    if (this.intervalMs === 0 || at <= availableAt) return rank;
    return Math.max(0, rank - Math.floor((at - availableAt) / this.intervalMs));
  }

  /** Jobs of rank `rank` that became available by this time rank `aged` or better. */
  availableBy(at: number, rank: number, aged: number): number {
    if (aged < rank && this.intervalMs === 0) return -Infinity;
    return aged < 0 ? -Infinity : at - (rank - aged) * this.intervalMs;
  }
}
