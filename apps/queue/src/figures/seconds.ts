/** Things by the second at which something is due: the two structures that make "which are due?" cheap. */

/**
 * Things that are due at a second, handed out when it has come. A thing may be there several times. Costs nothing per
 * look but the seconds that passed since the last one.
 */
export class SecondsWheel<Thing> {
  private readonly due = new Map<number, Map<Thing, number>>();
  private reached: number;

  /** @param now the second from which on things may be put in; of whatever clock. */
  constructor(now: number) {
    this.reached = now;
  }

  /** False: the second has come already, and the thing is not kept. */
  add(second: number, thing: Thing, count = 1): boolean {
    if (second <= this.reached) return false;
    let things = this.due.get(second);
    if (!things) this.due.set(second, (things = new Map<Thing, number>()));
    things.set(thing, (things.get(thing) ?? 0) + count);
    return true;
  }

  /** False: it was not there (any more). */
  remove(second: number, thing: Thing): boolean {
    const things = this.due.get(second);
    const count = things?.get(thing);
    if (!things || !count) return false;
    if (count > 1) things.set(thing, count - 1);
    else {
      things.delete(thing);
      if (!things.size) this.due.delete(second);
    }
    return true;
  }

  /** Takes out what is due by then, with how many of each. An earlier second than before changes nothing. */
  advance(now: number): [thing: Thing, count: number][] {
    const passed: [Thing, number][] = [];
    const take = (second: number) => {
      for (const one of this.due.get(second) ?? []) passed.push(one);
      this.due.delete(second);
    };
    // After a long time without a look it is cheaper to ask the seconds that hold something.
    if (now - this.reached > this.due.size) {
      for (const second of [...this.due.keys()].sort((a, b) => a - b)) if (second <= now) take(second);
    } else for (let second = this.reached + 1; second <= now; second++) take(second);
    this.reached = Math.max(this.reached, now);
    return passed;
  }
}

/** How many things there are of each second, and which second is the first. */
export class SecondsCount {
  private readonly counts = new Map<number, number>();
  /** Those that are there, in ascending order: most are added at the end and taken from the beginning. */
  private readonly order: number[] = [];

  /** @param count negative: so many fewer. */
  add(second: number, count: number): void {
    const before = this.counts.get(second) ?? 0;
    if (before + count > 0) {
      this.counts.set(second, before + count);
      if (!before) this.order.splice(this.placeOf(second), 0, second);
    } else if (before) {
      this.counts.delete(second);
      this.order.splice(this.placeOf(second), 1);
    }
  }

  first(): number | null {
    return this.order[0] ?? null;
  }

  private placeOf(second: number): number {
    let low = 0;
    let high = this.order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.order[middle]! < second) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
