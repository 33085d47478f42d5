/** Bounds the memory that bodies take which are being read, of all together and of one address. */
const MB = 1024 ** 2;

/** A body may have 25 MB: four of them at once, two from the same address, and any number of the usual ones. */
const TOTAL = 100 * MB;
const ADDRESS_SHARE = 50 * MB;

export class BodyRoom {
  #used = 0;
  readonly #byAddress = new Map<string, number>();

  constructor(
    private readonly total = TOTAL,
    private readonly share = ADDRESS_SHARE,
  ) {}

  /** False where there is no room now: nothing is taken then. */
  take(address: string, bytes: number): boolean {
    const own = this.#byAddress.get(address) ?? 0;
    if (this.#used + bytes > this.total || own + bytes > this.share) return false;
    this.#used += bytes;
    this.#byAddress.set(address, own + bytes);
    return true;
  }

  give(address: string, bytes: number): void {
    this.#used -= bytes;
    const own = (this.#byAddress.get(address) ?? 0) - bytes;
    if (own > 0) this.#byAddress.set(address, own);
    else this.#byAddress.delete(address);
  }
}
