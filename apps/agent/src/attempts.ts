/** The attempts that this agent vouches for: those that take a place, and those that ended in an earlier life and are still to be told. */
import type { RunningJob } from '@hybrid/contracts';
import { Bell } from './bell.js';
import type { Delivered, Delivery } from './delivery.js';
import type { Stoppable } from './drain.js';
import type { JobRun } from './job-run.js';
import type { Notify } from './notices.js';

interface Attempt extends Stoppable {
  named: RunningJob;
  /** It takes one of the agent's places. */
  running: boolean;
  /** It is somebody else's; its processes are being ended. */
  lost: boolean;
  /** False when it was too late for that. */
  lose(): boolean;
  drop(reason: string): void;
}

export class Attempts {
  readonly #all = new Set<Attempt>();
  /** Rings when one is over. */
  readonly over = new Bell();
  #accepted = 0;
  #lastBusy = performance.now();

  constructor(private readonly notify: Notify) {}

  /** Runs a job that was claimed. */
  run(run: JobRun): void {
    this.#add(run.run(), {
      named: { job_id: run.job.id, attempt: run.job.attempt },
      running: true,
      ended: run.ended,
      lose: () => run.lose(),
      drop: (reason) => run.drop(reason),
      handBack: () => run.handBack(),
      leave: () => run.leave(),
    });
  }

  /** Tells what is left of an earlier life. */
  resend(named: RunningJob, delivery: Delivery): void {
    this.#add(delivery.run(), {
      named,
      running: false,
      ended: Promise.resolve(),
      lose: () => delivery.lose(),
      drop: (reason) => delivery.drop(reason),
      handBack: () => undefined,
      leave: () => delivery.leave(),
    });
  }

  /** Places that are taken. */
  get taken(): number {
    return [...this.#all].filter(({ running }) => running).length;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Outcomes that the gateway has accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Milliseconds since there was one. */
  get idleMs(): number {
    return this.#all.size > 0 ? 0 : performance.now() - this.#lastBusy;
  }

  /** The same objects for as long as an attempt is there. */
  vouchedFor(): RunningJob[] {
    return [...this.#all].filter(({ lost }) => !lost).map(({ named }) => named);
  }

  all(): Attempt[] {
    return [...this.#all];
  }

  /** The answer to a heartbeat that named `reported`: of these, `lost` are no longer this agent's. */
  lose(lost: string[], reported: RunningJob[]): void {
    for (const attempt of this.#all) {
      // A later attempt of the same job can come back to this agent while the lost one is still being ended.
      if (!reported.includes(attempt.named) || !lost.includes(attempt.named.job_id)) continue;
      attempt.lost = attempt.lose();
      const { job_id, attempt: number } = attempt.named;
      if (attempt.lost)
        this.notify(`job ${job_id}, attempt ${number} is no longer this agent’s: stopping it`);
    }
  }

  /** Ends them all; nothing of them is sent. Resolves when they are over. */
  async dropAll(reason: string): Promise<void> {
    const attempts = this.all();
    for (const attempt of attempts) attempt.drop(reason);
    await Promise.all(attempts.map(({ ended, delivered }) => Promise.all([ended, delivered])));
  }

  #add(delivered: Promise<Delivered>, rest: Omit<Attempt, 'delivered' | 'lost'>): void {
    const told = delivered.then(
      (how) => {
        if (how === 'accepted') this.#accepted++;
      },
      (error: Error) => this.notify(`job ${rest.named.job_id}: unexpected: ${error.stack}`),
    );
    const attempt: Attempt = { ...rest, lost: false, delivered: told };
    this.#all.add(attempt);
    void told.then(() => {
      this.#all.delete(attempt);
      this.#lastBusy = performance.now();
      this.over.ring();
    });
  }
}
