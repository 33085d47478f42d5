/**
 * How long things took, on a logarithmic scale: each bin is a tenth wider than the one before, so that whatever is read
 * from it is right within 5 %. Sparse: a pool that ended three jobs costs three bins.
 */

/** The middle of a bin is at most sqrt(1.1) = 4.9 % off its edges. */
const GROWTH = 1.1;
export const HISTOGRAM_LOG = Math.log(GROWTH);

/** The bin of a duration; what is shorter than a millisecond counts as one. */
export function binOf(milliseconds: number): number {
  return Math.floor(Math.log(Math.max(milliseconds, 1)) / HISTOGRAM_LOG);
}

export class Histogram {
  /** Those that hold something, in ascending order, and how many each holds. */
  private readonly bins: number[] = [];
  private readonly counts: number[] = [];
  count = 0;
  /** Exact, in milliseconds. */
  sum = 0;

  add(bin: number, count: number, sum: number): void {
    this.count += count;
    this.sum += sum;
    let place = this.bins.length;
    while (place > 0 && this.bins[place - 1]! >= bin) place--;
    if (this.bins[place] !== bin) {
      this.bins.splice(place, 0, bin);
      this.counts.splice(place, 0, count);
    } else if ((this.counts[place]! += count) === 0) {
      this.bins.splice(place, 1);
      this.counts.splice(place, 1);
    }
  }

  /** Takes out what was put in: `other` must be part of it. */
  minus(other: Histogram): void {
    other.bins.forEach((bin, place) => this.add(bin, -other.counts[place]!, 0));
    this.sum -= other.sum;
  }

  /** Milliseconds; 0 where there is nothing. */
  average(): number {
    return this.count ? this.sum / this.count : 0;
  }

  /** The value that so many of all (0 to 1) do not exceed, in milliseconds: nearest rank; 0 where there is nothing. */
  quantile(share: number): number {
    let left = Math.ceil(this.count * share);
    for (const [place, bin] of this.bins.entries())
      if ((left -= this.counts[place]!) <= 0) return GROWTH ** (bin + 0.5);
    return 0;
  }
}
