/** Asks for the proof of a job and has it checked, before anything of the job runs and before any secret is resolved. */
import type { ClaimedJob, RunProof } from '@hybrid/contracts';
import { StepProblem, type DataDirectory } from '@hybrid/steps';
import {
  checkJob,
  checkNoRollback,
  Distrusted,
  readTrustedKeys,
  type Seen,
  type Vouched,
} from '@hybrid/trust';
import { readFile } from 'node:fs/promises';
import type { GatewayClient } from './gateway-client.js';
import { GatewayRefusal } from './gateway-client.js';
import type { Settings } from './settings.js';
import { SettingsError } from './settings-error.js';

/** In the data directory: the latest text of each pipeline that was run here. */
const SEEN = 'trust.json';

export class JobTrust {
  /** One at a time: each reads what the one before wrote. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly keysFile: string,
    private readonly settings: Pick<Settings, 'trustRequire' | 'pool'>,
    private readonly data: DataDirectory,
    private readonly gateway: GatewayClient,
  ) {}

  /** Nothing where no keys are given. Throws SettingsError where they cannot be used. */
  static async open(
    settings: Settings,
    data: DataDirectory,
    gateway: GatewayClient,
  ): Promise<JobTrust | undefined> {
    if (settings.trustKeys === undefined) return undefined;
    await keysOf(settings.trustKeys);
    return new JobTrust(settings.trustKeys, settings, data, gateway);
  }

  /** Throws StepProblem with what is not as it was signed. */
  async check(job: ClaimedJob, headers: Record<string, string>, signal: AbortSignal): Promise<void> {
    try {
      const proof = await this.#proofOf(job, headers, signal);
      // Anew for each job: a key that was taken out of the file counts no more.
      const keys = await keysOf(this.keysFile);
      const { trustRequire: require, pool } = this.settings;
      const vouched = await checkJob(job, proof, { keys, require, pool });
      if (require.includes('rollback')) await this.#remember(vouched);
    } catch (error) {
      if (!(error instanceof Distrusted || error instanceof SettingsError)) throw error;
      throw new StepProblem(`not run, as this agent trusts customers' keys alone: ${error.message}`);
    }
  }

  async #proofOf(job: ClaimedJob, headers: Record<string, string>, signal: AbortSignal): Promise<RunProof> {
    if (!job.run_id) throw new Distrusted('the job is of no run of a pipeline');
    const path = `/api/runs/${encodeURIComponent(job.run_id)}/proof`;
    try {
      const proof = await this.gateway.insist<RunProof>({ method: 'GET', path, headers, signal });
      const { definition, files, events } = proof;
      const isProof =
        typeof definition === 'string' &&
        Array.isArray(events) &&
        events.every((event) => typeof event?.data === 'object' && event.data !== null) &&
        Object.values(files ?? 0).every((file) => typeof file === 'string');
      if (!isProof) throw new Distrusted('the control plane shows no proof of the job');
      return { ...proof, files: files ?? {}, signature: proof.signature ?? null };
    } catch (error) {
      if (!(error instanceof GatewayRefusal)) throw error;
      throw new Distrusted(`the control plane shows no proof of the job (${error.code})`);
    }
  }

  async #remember(vouched: Vouched): Promise<void> {
    const turn = this.#turn.then(async () => {
      const seen = new Map(
        Object.entries(JSON.parse((await this.data.read(SEEN)) ?? '{}') as Record<string, Seen>),
      );
      const { pipeline } = vouched.statement;
      const before = seen.get(pipeline);
      const now = checkNoRollback(before, vouched);
      if (now !== before)
        await this.data.write(SEEN, JSON.stringify(Object.fromEntries(seen.set(pipeline, now))));
    });
    this.#turn = turn.catch(() => undefined);
    await turn;
  }
}

async function keysOf(file: string) {
  try {
    return readTrustedKeys(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new SettingsError(`${file} (--trust-keys): ${(cause as Error).message}`, { cause });
  }
}
