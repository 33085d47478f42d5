/** Counts, and tells how fast since it was asked last. */
export class Rate {
  private total = 0;
  private totalAsked = 0;
  private askedAt = performance.now();

  add(): void {
    this.total++;
  }

  /** `perSecond` is a whole number. */
  measure(): { total: number; sinceLast: number; perSecond: number } {
    const now = performance.now();
    const sinceLast = this.total - this.totalAsked;
    const seconds = (now - this.askedAt) / 1000;
    this.totalAsked = this.total;
    this.askedAt = now;
    return { total: this.total, sinceLast, perSecond: seconds > 0 ? Math.trunc(sinceLast / seconds) : 0 };
  }
}
