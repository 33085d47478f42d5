/** Tells the gateway of one attempt, in order: the log, batch by batch, then how it ended. Again until there is an answer. */
import type { LogLine } from '@hybrid/contracts';
import type { LogOf, LogSealer } from '@hybrid/sealed';
import { Backoff, StepStopped } from '@hybrid/steps';
import type { Batch } from './attempt-log.js';
import { GatewayAway, GatewayRefusal, type Call, type GatewayClient } from './gateway-client.js';
import type { Notify } from './notices.js';
import type { KeptLog, Outcome, SpooledAttempt } from './spool.js';

/** Milliseconds for which a gateway that answers may fail to take the log of an attempt that has ended; then the result goes without. */
const LOG_PATIENCE_MS = 300_000;
/** Milliseconds for which the log of an attempt that nobody wants waits for its customer's store. */
const LAST_PATIENCE_MS = 10_000;
/** Characters; the contract's limit is 4000. */
const REASON_MAX = 1_000;

/** `left`: not told yet, and kept on disk for the next start. */
export type Delivered = 'accepted' | 'dropped' | 'left';

export class Delivery {
  readonly #stop = new AbortController();
  #telling = false;
  #failingSince: number | null = null;
  /** The log is as long as one may be: lines that were not taken, and the number of the last one. */
  #cut: { lines: number; last: number } | null = null;
  /** `seq` after that of the last line that was sent by this life of the agent. */
  #next = 0;

  constructor(
    private readonly spooled: SpooledAttempt,
    private readonly gateway: GatewayClient,
    private readonly notify: Notify,
    /** Encrypts what the control plane gets of the log; nothing: it gets it as it is. */
    private readonly sealer?: LogSealer,
    private readonly logPatienceMs = LOG_PATIENCE_MS,
  ) {}

  /** Aborts when the attempt is somebody else's, or this process ends. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** A heartbeat says that the attempt is not this agent's any more: nothing of it is sent. False when it was too late for that. */
  lose(): boolean {
    // Once the outcome is on its way the answer to that says whose it was.
    if (this.#telling) return false;
    this.drop('the job is no longer this agent’s');
    return true;
  }

  drop(reason: string): void {
    this.#stop.abort(new StepStopped('lost', reason));
  }

  /** The process ends: what is not told stays on disk. */
  leave(): void {
    this.#stop.abort(new StepStopped('left', 'the agent ends'));
  }

  /** Resolves when the outcome is accepted or refused for good, or after `lose` or `leave`. */
  async run(): Promise<Delivered> {
    const { key } = this.spooled;
    try {
      await this.#sendLog();
      const outcome = await this.#kept(await this.#outcome());
      await this.#sayWhatIsLeftOut(outcome);
      await this.#sealEnd();
      await this.#sendOutcome(outcome);
      await this.spooled.remove();
      return 'accepted';
    } catch (error) {
      const reason = this.signal.aborted ? (this.signal.reason as Error) : (error as Error);
      if (reason instanceof StepStopped && reason.why === 'left') return 'left';
      this.#stop.abort(new StepStopped('lost', reason.message));
      // What there is of it may say why.
      await this.spooled.kept?.finish(LAST_PATIENCE_MS).catch(() => undefined);
      this.notify(`job ${key.job_id}, attempt ${key.attempt}: its result is dropped: ${reason.message}`);
      await this.spooled.remove();
      return 'dropped';
    }
  }

  async #sendLog(): Promise<void> {
    const { log, kept } = this.spooled;
    let sending = kept?.told ?? true;
    for (let batch = await log.next(this.signal); batch; batch = await log.next(this.signal)) {
      if (kept) await this.#keep(kept, batch);
      if (sending) sending = await this.#sendBatch(batch);
      if (!sending && !kept) return;
      await log.forget(batch);
    }
    this.signal.throwIfAborted();
  }

  async #keep(kept: KeptLog, batch: Batch): Promise<void> {
    await kept
      .write(await this.spooled.log.bytesOf(batch))
      .catch((error: Error) => this.notify(`lines of a customer's log are lost: ${error.message}`));
  }

  /** The outcome with where the customer keeps the log. A store that does not take it keeps no result from being told. */
  async #kept(outcome: Outcome): Promise<Outcome> {
    const { kept, key } = this.spooled;
    if (!kept) return outcome;
    try {
      const log = await kept.finish();
      return outcome.what === 'complete' ? { ...outcome, body: { ...outcome.body, log } } : outcome;
    } catch (error) {
      this.notify(`job ${key.job_id}: its log is not stored whole: ${(error as Error).message}`);
      return outcome;
    }
  }

  /** False when the rest of the log is given up. */
  async #sendBatch(batch: Batch): Promise<boolean> {
    const body = await this.spooled.log.bytesOf(batch);
    if (body.length === 0) return true;
    if (this.#cut) this.#leaveOut(body, this.#cut);
    else {
      const answer = await this.#sendLines(body);
      if (!answer) return false;
      if (answer.cut !== undefined) {
        this.#cut = { lines: 0, last: 0 };
        // Where the customer keeps it too the lines are still wanted.
        if (!this.spooled.kept) this.spooled.log.cut();
        this.#leaveOut(body, this.#cut);
        const limit = Math.round(answer.cut / 1024 ** 2);
        const text = `the log is longer than ${limit} MB: what follows is not kept in the control plane`;
        await this.#sendLines(lastWords(seqOf(body.toString('utf8', 0, body.indexOf('\n'))), text));
      }
    }
    return true;
  }

  #leaveOut(body: Buffer, cut: { lines: number; last: number }): void {
    cut.lines += body.toString().split('\n').length - 1;
    cut.last = seqOf(lastLine(body));
  }

  async #sayWhatIsLeftOut({ what, body }: Outcome): Promise<void> {
    if (!this.#cut) return;
    const count = this.#cut.lines + this.spooled.log.leftOut;
    const whole = what === 'complete' && body.log ? `; the whole log is at ${body.log.location}` : '';
    await this.#sendLines(lastWords(this.#cut.last + 1, `${count} line(s) of the log were left out${whole}`));
  }

  /** A sealed log says where it ends, so that nobody can withhold its last lines unnoticed. */
  async #sealEnd(): Promise<void> {
    if (!this.sealer || this.#next === 0) return;
    await this.#sendBody(await this.sealer.end(this.#of, this.#next));
  }

  /** Nothing when the rest of the log is given up. */
  async #sendLines(lines: Buffer): Promise<{ cut?: number } | undefined> {
    const answer = await this.#sendBody(
      this.sealer ? await this.sealer.seal(this.#of, lines.toString()) : lines,
    );
    if (answer) this.#next = seqOf(lastLine(lines)) + 1;
    return answer;
  }

  async #sendBody(body: Buffer | string): Promise<{ cut?: number } | undefined> {
    const { job_id, attempt, lease_token } = this.spooled.key;
    const headers = {
      'content-type': 'application/x-ndjson',
      'x-attempt': String(attempt),
      'x-lease-token': lease_token,
    };
    const backoff = new Backoff();
    for (;;) {
      try {
        const answer = await this.#call<{ cut?: number }>({ method: 'POST', path: '/logs', body, headers });
        this.#failingSince = null;
        return answer ?? {};
      } catch (error) {
        this.signal.throwIfAborted();
        if (isFinal(error)) {
          if (meansLost(error)) throw error;
          // One batch that can't be taken must not keep the result from being reported.
          this.notify(`job ${job_id}: a part of its log was refused: ${error.message}`);
          return {};
        }
        if (this.#outOfPatience(error)) {
          this.notify(`job ${job_id}: the rest of its log is given up: ${(error as Error).message}`);
          return undefined;
        }
      }
      await backoff.pause(this.signal);
    }
  }

  /** A gateway that is away takes no result either: only one that answers is not waited for for ever. */
  #outOfPatience(error: unknown): boolean {
    const answered = error instanceof GatewayAway && error.answered;
    if (!answered || !this.spooled.hasEnded) this.#failingSince = null;
    else this.#failingSince ??= performance.now();
    return this.#failingSince !== null && performance.now() - this.#failingSince >= this.logPatienceMs;
  }

  get #of(): LogOf {
    return { job: this.spooled.key.job_id, attempt: this.spooled.key.attempt };
  }

  async #outcome(): Promise<Outcome> {
    let stopped: () => void = () => undefined;
    const stop = new Promise<void>((resolve) => {
      stopped = resolve;
      this.signal.addEventListener('abort', stopped, { once: true });
    });
    const outcome = await Promise.race([this.spooled.ended, stop]);
    this.signal.removeEventListener('abort', stopped);
    this.signal.throwIfAborted();
    return outcome as Outcome;
  }

  async #sendOutcome({ what, body }: Outcome): Promise<void> {
    const { job_id, attempt, lease_token } = this.spooled.key;
    this.#telling = true;
    const backoff = new Backoff();
    let json: object = body;
    for (;;) {
      try {
        const method = what === 'complete' ? 'PATCH' : 'POST';
        await this.#call({ method, path: `/${what}`, json: { attempt, lease_token, ...json } });
        return;
      } catch (error) {
        this.signal.throwIfAborted();
        if (isFinal(error)) {
          if (meansLost(error) || what === 'release' || json !== body) throw error;
          this.notify(`job ${job_id}, attempt ${attempt}: its result was refused: ${error.message}`);
          // A result that cannot be told is a failure that can.
          json = {
            exit_code: -1,
            error_message: `the result could not be reported: ${error.message}`.slice(0, REASON_MAX),
          };
          continue;
        }
      }
      await backoff.pause(this.signal);
    }
  }

  async #call<T>(call: Call): Promise<T | undefined> {
    const { job_id, traceparent } = this.spooled.key;
    return this.gateway.call<T>({
      ...call,
      path: `/api/queue/jobs/${encodeURIComponent(job_id)}${call.path}`,
      headers: { ...call.headers, ...(traceparent && { traceparent }) },
      signal: this.signal,
    });
  }
}

/** @param body NDJSON, whole lines. */
function lastLine(body: Buffer): string {
  return body.toString('utf8', body.lastIndexOf('\n', -2) + 1, body.length - 1);
}

function seqOf(line: string): number {
  return line === '' ? 0 : (JSON.parse(line) as LogLine).seq;
}

function lastWords(seq: number, text: string): Buffer {
  const line: LogLine = { seq, time: new Date().toISOString(), stream: 'system', text };
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

/** Another try would be answered alike. A credential that is unknown ends the registration, and this with it. */
function isFinal(error: unknown): error is GatewayRefusal {
  if (error instanceof GatewayRefusal) return error.status !== 401;
  if (error instanceof GatewayAway) return false;
  throw error;
}

function meansLost({ status }: GatewayRefusal): boolean {
  return status === 409 || status === 404;
}
