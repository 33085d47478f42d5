/** When a pipeline was last served in a pool: by a claim in the log, or by a decision whose claim the log does not show yet. */
export class Turn {
  /** Commit position of the last claim, a number as in JobsByArrival; -1: there was none. */
  private claimed = -1;
  private readonly underWay = new Set<number>();
  /** The greatest number of those under way; 0: there is none. */
  private newest = 0;

  served(position: bigint): void {
    this.claimed = Math.max(this.claimed, Number(position));
  }

  begin(decision: number): void {
    this.underWay.add(decision);
    this.newest = Math.max(this.newest, decision);
  }

  end(decision: number): void {
    this.underWay.delete(decision);
    if (decision === this.newest) this.newest = this.newestBut(decision);
  }

  /**
   * Negative: this one's turn comes before the other's; 0: neither's does, as it is the same or neither was ever served.
   * Without a decision of this one: as if it had never been made.
   */
  compare(other: Turn, without: number | null = null): number {
    if (this === other) return 0;
    const newest = without !== null && without === this.newest ? this.newestBut(without) : this.newest;
    if (newest !== other.newest) return newest - other.newest;
    return this.claimed - other.claimed;
  }

  private newestBut(decision: number): number {
    let newest = 0;
    for (const each of this.underWay) if (each > newest && each !== decision) newest = each;
    return newest;
  }
}
