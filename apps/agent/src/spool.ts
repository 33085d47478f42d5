/**
 * What the gateway must still be told, on disk: `<data>/spool/<job>-<attempt>/` holds the log's batches and, once the
 * attempt has ended, `outcome.json`. Masked already; readable for the agent's user alone. An attempt without an outcome
 * was running when the agent died: it is never reported, its lease expires.
 */
import type { CompleteJob, ReleaseJob, StartJob } from '@hybrid/contracts';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AttemptLog } from './attempt-log.js';
import { CustomerLog } from './customer-log.js';
import type { LogKeeping } from './log-keeping.js';
import type { Notify } from './notices.js';
import type { SpoolRoom } from './spool-room.js';

const OUTCOME = 'outcome.json';

/** Which attempt, of which agent; the lease token is worth nothing without that agent's credential. */
export interface AttemptKey extends StartJob {
  agent_id: string;
  job_id: string;
  /** W3C trace context; empty where nothing is traced. */
  traceparent: string;
}

export type Outcome =
  | { what: 'complete'; body: Omit<CompleteJob, keyof StartJob> }
  | { what: 'release'; body: Omit<ReleaseJob, keyof StartJob> };

/** `told`: its lines go to the control plane as well. */
export type KeptLog = CustomerLog & { told: boolean };

export class Spool {
  readonly #salvaging = new Set<string>();

  constructor(
    private readonly path: string,
    readonly room: SpoolRoom,
    private readonly notify: Notify,
    private readonly keeping: LogKeeping = { told: true },
  ) {}

  /** Room for an attempt that begins. */
  async begin(key: AttemptKey): Promise<SpooledAttempt> {
    const folder = join(this.path, `${safeName(key.job_id)}-${key.attempt}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const log = new AttemptLog(folder, this.room, this.notify);
    return new SpooledAttempt(key, folder, log, this.notify, this.#keeper(folder));
  }

  /** Attempts that ended in an earlier life of this agent, and that the gateway may not know of. Removes all others. */
  async left(agentId: string): Promise<SpooledAttempt[]> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const found: SpooledAttempt[] = [];
    for (const name of (await readdir(this.path)).sort()) {
      const attempt = await this.#read(join(this.path, name), agentId);
      if (attempt) found.push(attempt);
      else if (this.keeping.store) void this.#salvage(join(this.path, name));
      else await rm(join(this.path, name), { recursive: true, force: true });
    }
    return found;
  }

  /** The log of an attempt that was running when the agent died: nobody hears of its end, its customer keeps what there is. */
  async #salvage(folder: string): Promise<void> {
    if (this.#salvaging.has(folder)) return;
    this.#salvaging.add(folder);
    const kept = this.#keeper(folder);
    try {
      for (const file of await batchesIn(folder)) {
        const bytes = await readFile(join(folder, file));
        await kept?.write(bytes.subarray(0, bytes.lastIndexOf('\n') + 1));
        await rm(join(folder, file));
      }
      const stored = await kept?.finish();
      if (stored) this.notify(`the log of an attempt that did not end is at ${stored.location}`);
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      this.notify(
        `the log in ${folder} is not stored yet (${(error as Error).message}): it is tried at the next start`,
      );
    } finally {
      kept?.close();
      this.#salvaging.delete(folder);
    }
  }

  #keeper(folder: string): KeptLog | undefined {
    const { store, told } = this.keeping;
    if (!store) return undefined;
    const key = basename(folder).replace(/-(\d+)$/, '/$1');
    return Object.assign(new CustomerLog(folder, key, store, this.notify), { told });
  }

  async #read(folder: string, agentId: string): Promise<SpooledAttempt | undefined> {
    const text = await readFile(join(folder, OUTCOME), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const { key, outcome } = JSON.parse(text) as { key: AttemptKey; outcome: Outcome };
      if (key.agent_id !== agentId) throw new Error(`it is of agent ${key.agent_id}, this is ${agentId}`);
      const batches = [];
      for (const file of await batchesIn(folder))
        batches.push({ file, size: (await stat(join(folder, file))).size });
      const log = new AttemptLog(folder, this.room, this.notify, batches);
      return new SpooledAttempt(key, folder, log, this.notify, this.#keeper(folder), outcome);
    } catch (error) {
      this.notify(`the result in ${folder} is dropped: ${(error as Error).message}`);
      return undefined;
    }
  }
}

export class SpooledAttempt {
  /** The outcome, once it is on disk. */
  readonly ended: Promise<Outcome>;
  #hasEnded = false;
  #end: (outcome: Outcome) => void = () => undefined;
  #removed = false;

  constructor(
    readonly key: AttemptKey,
    private readonly folder: string,
    readonly log: AttemptLog,
    private readonly notify: Notify,
    /** What the customer keeps of the log, if anything. */
    readonly kept?: KeptLog,
    outcome?: Outcome,
  ) {
    this.#hasEnded = outcome !== undefined;
    this.ended = outcome
      ? Promise.resolve(outcome)
      : new Promise((resolve) => {
          this.#end = resolve;
        });
  }

  /** Resolves when log and outcome would survive a loss of power: from then on the outcome stands. */
  async end(outcome: Outcome): Promise<void> {
    this.log.close();
    try {
      if (!this.#removed) await this.#store(outcome);
    } catch (error) {
      if (!this.#removed)
        this.notify(
          `the result of job ${this.key.job_id} cannot be kept in ${this.folder} (${(error as Error).message}): it is lost if the agent ends before the gateway has it`,
        );
    }
    this.#hasEnded = true;
    this.#end(outcome);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The gateway knows all of it, or never will. */
  async remove(): Promise<void> {
    this.#removed = true;
    this.log.drop();
    this.kept?.close();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #store(outcome: Outcome): Promise<void> {
    await this.log.persist();
    const file = join(this.folder, OUTCOME);
    await writeFile(`${file}.new`, JSON.stringify({ key: this.key, outcome }), { mode: 0o600, flush: true });
    await rename(`${file}.new`, file);
    // The names are on disk only when their folders are.
    for (const folder of [this.folder, join(this.folder, '..')]) {
      const handle = await open(folder);
      await handle.sync().finally(() => handle.close());
    }
  }
}

async function batchesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.ndjson')).sort();
}

/** Ids come from outside; as a folder's name they must not lead anywhere. */
export function safeName(id: string): string {
  return id.replace(/[^A-Za-z0-9-]/g, '_').slice(0, 100);
}
