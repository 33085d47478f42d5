/** Wakes a local run when its time, or that of a gate, is over. */
import { runDeadline, type Run } from '@hybrid/pipeline';

/** What a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;

export class Deadlines {
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly passed: () => void) {}

  /** Goes by what is open now. */
  set(run: Run): void {
    this.clear();
    const gates = run.steps.flatMap(({ status, gate }) => (status === 'WAITING' ? [gate?.expires_at] : []));
    const times = [runDeadline(run), ...gates].flatMap((time) => (time ? [Date.parse(time)] : []));
    if (times.length === 0) return;
    const ms = Math.min(Math.max(0, Math.min(...times) - Date.now()), LONGEST_MS);
    this.#timer = setTimeout(this.passed, ms);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
