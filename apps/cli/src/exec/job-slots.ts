/** Which of the waiting jobs begins next: so many at a time, and of a concurrency group only as many as it allows. */
import type { EnqueueJobCommand, Priority } from '@hybrid/contracts';

const URGENCY: Record<Priority, number> = { CRITICAL: 0, HIGH: 1, NORMAL: 2, LOW: 3 };

export class JobSlots {
  #waiting: EnqueueJobCommand[] = [];
  readonly #busy = new Map<string, EnqueueJobCommand>();

  constructor(private readonly slots: number) {}

  get idle(): boolean {
    return this.#busy.size === 0 && this.#waiting.length === 0;
  }

  add(job: EnqueueJobCommand): void {
    this.#waiting.push(job);
  }

  /** It will not begin, or has ended. */
  remove(jobId: string): void {
    this.#waiting = this.#waiting.filter(({ job_id }) => job_id !== jobId);
    this.#busy.delete(jobId);
  }

  /** The most urgent job for which there is room, the oldest of those; it has a slot until it is removed. */
  take(): EnqueueJobCommand | undefined {
    if (this.#busy.size >= this.slots) return undefined;
    const [next] = this.#waiting.filter((job) => this.#hasRoom(job)).toSorted((a, b) => rank(a) - rank(b));
    if (!next) return undefined;
    this.#waiting = this.#waiting.filter((job) => job !== next);
    this.#busy.set(next.job_id, next);
    return next;
  }

  #hasRoom({ concurrency }: EnqueueJobCommand): boolean {
    if (!concurrency) return true;
    const others = [...this.#busy.values()].filter((job) => job.concurrency?.group === concurrency.group);
    return others.length < (concurrency.limit ?? 1);
  }
}

function rank({ priority = 'NORMAL' }: EnqueueJobCommand): number {
  return URGENCY[priority];
}
