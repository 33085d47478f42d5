/** Work that is done again and again, never twice at once: a turn begins `everyMs` after the one before was over. */
export class PeriodicTask {
  private timer?: NodeJS.Timeout;
  private turn = Promise.resolve();
  private stopped = false;

  /** `failed` hears why a turn came to nothing; the next one comes all the same. */
  constructor(
    private readonly everyMs: number,
    private readonly work: () => Promise<unknown>,
    private readonly failed: (reason: string) => void,
  ) {}

  start(): void {
    if (!this.stopped) this.timer = setTimeout(() => void (this.turn = this.once()), this.everyMs);
  }

  /** Resolves when the turn that has begun is over. */
  stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    return this.turn;
  }

  private async once(): Promise<void> {
    try {
      await this.work();
    } catch (error) {
      this.failed(error instanceof Error ? error.message : String(error));
    }
    this.start();
  }
}
