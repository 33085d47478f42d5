/** What a job is to people who watch it: a model without events, written to be compared with the decider. */
import type { JobStatus, Priority } from '@hybrid/contracts';
import type { JobCommand } from './job.commands.js';
import type { JobEnqueued } from './job.events.js';

/** What an agent has in its hands. A claim is told from others by being the same object, not by what it says. */
export interface Claim {
  attempt: number;
  agent_id: string;
  lease_token: string;
}

/** `done`: something changed. */
export type Outcome = 'done' | 'nothing' | 'refused';

export class PlainJob {
  status: JobStatus = 'QUEUED';
  priority: Priority;
  readonly claims: Claim[] = [];
  /** Milliseconds; when it waits, not before this. The caller sets it after a failure, within `pause`. */
  available: number;
  /** Seconds that it must wait at least and at most, after a failure. */
  pause: [least: number, most: number] = [0, 0];
  fences = 0;
  private failures = 0;
  private lost = 0;
  private silent = 0;
  private started = false;
  private heard: { at: number; percent: number | undefined } | null = null;
  /** Whose result, whose release was taken, so that it may come again. */
  private told: Claim | null = null;
  private handedBack: Claim | null = null;
  private closed: number | null = null;

  constructor(private readonly wants: JobEnqueued) {
    this.priority = wants.priority;
    this.available = Date.parse(wants.available_at ?? wants.at);
  }

  get over(): boolean {
    return !['QUEUED', 'CLAIMED', 'RUNNING'].includes(this.status);
  }

  private get live(): Claim | null {
    return this.status === 'CLAIMED' || this.status === 'RUNNING' ? this.claims.at(-1)! : null;
  }

  /** @param claim on which the command stands, or which it makes. */
  tell(command: JobCommand, claim: Claim): Outcome {
    const now = Date.parse(command.now);
    switch (command.type) {
      case 'EnqueueJob':
        return command.digest === this.wants.digest ? 'nothing' : 'refused';
      case 'ClaimJob': {
        const { slot } = command;
        const placed = slot?.attempt === this.claims.length + 1 && slot.revoked === this.fences;
        if (this.status !== 'QUEUED' || now < this.available) return 'refused';
        if (this.wants.concurrency && !placed) return 'refused';
        this.claims.push(claim);
        this.status = 'CLAIMED';
        this.started = false;
        this.heard = this.told = this.handedBack = this.closed = null;
        return 'done';
      }
      case 'StartJob':
        if (this.live !== claim) return 'refused';
        if (this.status === 'RUNNING') return 'nothing';
        this.status = 'RUNNING';
        this.started = true;
        this.silent = 0;
        return 'done';
      case 'ReportProgress': {
        if (this.live !== claim) return 'refused';
        if (this.status !== 'RUNNING') return 'nothing';
        const end = command.percent === 100 && this.heard?.percent !== 100;
        if (this.heard && now < this.heard.at + 5_000 && !end) return 'nothing';
        this.heard = { at: now, percent: command.percent };
        return 'done';
      }
      case 'CompleteJob':
        if (this.told === claim) return 'nothing';
        if (this.live !== claim) return 'refused';
        this.told = claim;
        if (command.exit_code === 0) this.status = 'COMPLETED';
        else this.fail(command.exit_code);
        return 'done';
      case 'ReleaseJob':
        if (this.handedBack === claim) return 'nothing';
        if (this.live !== claim) return 'refused';
        this.handedBack = claim;
        this.wait(now);
        return 'done';
      case 'CloseJob':
        if (this.over) return this.closed === command.exit_code ? 'nothing' : 'refused';
        if (this.status === 'QUEUED' && command.exit_code === 0) return 'refused';
        this.status = command.exit_code === 0 ? 'COMPLETED' : 'FAILED';
        this.closed = command.exit_code;
        this.told = this.handedBack = null;
        return 'done';
      case 'TimeOutAttempt':
        if (this.status !== 'RUNNING' || command.attempt !== this.claims.length) return 'nothing';
        this.fail(124);
        return 'done';
      case 'TimeOutInQueue': {
        const limit = this.wants.queue_timeout_seconds;
        if (this.status !== 'QUEUED' || !limit || now < this.available + limit * 1000) return 'nothing';
        this.status = 'FAILED';
        return 'done';
      }
      case 'ExpireLease': {
        if (!this.live || command.attempt !== this.claims.length) return 'nothing';
        const enough = this.started ? ++this.lost === 3 : ++this.silent === 10;
        if (enough) this.status = 'DEAD_LETTERED';
        else this.wait(now);
        return 'done';
      }
      case 'SetPriority':
        if (this.over) return 'refused';
        if (this.priority === command.priority) return 'nothing';
        this.priority = command.priority;
        return 'done';
      case 'CancelJob':
        if (this.over) return this.status === 'CANCELLED' ? 'nothing' : 'refused';
        this.status = 'CANCELLED';
        this.told = this.handedBack = null;
        return 'done';
      case 'RequeueJob':
        if (this.status === 'QUEUED') return 'nothing';
        if (this.status !== 'FAILED' && this.status !== 'DEAD_LETTERED') return 'refused';
        this.failures = this.lost = this.silent = 0;
        this.told = this.closed = null;
        this.fences++;
        this.wait(now);
        return 'done';
      case 'RevokeSlot': {
        const { attempt, revoked } = command.slot;
        if (this.status !== 'QUEUED' || attempt !== this.claims.length + 1 || revoked !== this.fences)
          return 'nothing';
        this.fences++;
        return 'done';
      }
    }
  }

  private wait(from: number): void {
    this.status = 'QUEUED';
    this.available = from;
    this.pause = [0, 0];
  }

  private fail(code: number): void {
    const { max_attempts, retry_on_exit_codes: codes, on_exhausted } = this.wants;
    this.failures++;
    this.silent = 0;
    if (this.failures < max_attempts && (!codes || codes.includes(code))) {
      this.status = 'QUEUED';
      const {
        backoff_seconds,
        backoff_factor = 2,
        max_backoff_seconds = 3600,
        backoff_jitter = 0,
      } = this.wants;
      let most = backoff_seconds;
      for (let n = 1; n < this.failures; n++) most *= backoff_factor;
      most = Math.min(most, max_backoff_seconds);
      this.pause = [most * (1 - backoff_jitter), most];
    } else this.status = on_exhausted === 'fail' ? 'FAILED' : 'DEAD_LETTERED';
  }
}
