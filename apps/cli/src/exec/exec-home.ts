/**
 * Where `hybrid exec` keeps things, in the user's cache directory:
 *
 *   exec/work/<process>_<run>/   workspaces of a run that goes on; removed at its end, or by a later exec
 *   exec/runs/<repository>/<pipeline>/<run>/   artifacts, of the latest run and the latest that succeeded
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { DockerExecutor, findEngine, identityOf, isAlive, ProcessExecutor } from '@hybrid/steps';
import { CommandError } from '../errors.js';
import { EXIT } from '../exit-codes.js';

export interface Work {
  runId: string;
  /** The tree that the steps begin with. */
  snapshot: string;
  /** Folder of the jobs' folders. */
  jobs: string;
  /** Removes it, or with `keep` puts it where nothing removes it and answers where that is. */
  end(keep: boolean): Promise<string | undefined>;
}

export function execHome(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hybrid', 'exec');
}

/** Containers of a run are labelled with it. */
export function ownerOf(runId: string): string {
  return `exec-${runId}`;
}

/** The folder's name says whose it is, so that there is no moment at which it is nobody's. */
export async function beginWork(home: string, runId: string): Promise<Work> {
  const identity = await identityOf(process.pid);
  const folder = join(home, 'work', `${identity.replace(' ', '_')}_${runId}`);
  const jobs = join(folder, 'jobs');
  try {
    await mkdir(jobs, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new CommandError(
      `${home} cannot be written (${(cause as Error).message}): set XDG_CACHE_HOME to a folder that can`,
      EXIT.failed,
      { cause },
    );
  }
  return {
    runId,
    snapshot: join(folder, 'snapshot'),
    jobs,
    async end(keep) {
      if (!keep) return void (await rm(folder, { recursive: true, force: true, maxRetries: 3 }));
      const kept = join(home, 'kept', runId);
      await mkdir(join(home, 'kept'), { recursive: true, mode: 0o700 });
      await rename(folder, kept);
      return kept;
    },
  };
}

/** Removes what runs left whose process was killed: folders, processes, containers. Answers how many runs that were. */
export async function sweepWork(home: string): Promise<number> {
  const work = join(home, 'work');
  let swept = 0;
  for (const name of await readdir(work).catch(() => [])) {
    const [pid, start, runId] = name.split('_');
    if (pid === undefined || start === undefined || runId === undefined) continue;
    if (await isAlive(`${pid} ${start}`)) continue;
    const jobs = join(work, name, 'jobs');
    await new ProcessExecutor(jobs).sweep().catch(() => 0);
    const engine = await findEngine().catch(() => undefined);
    if (engine) await new DockerExecutor(engine, () => ownerOf(runId), '').sweep();
    await rm(join(work, name), { recursive: true, force: true });
    swept++;
  }
  return swept;
}

/** The runs of one pipeline of one repository. */
export class PastRuns {
  readonly folder: string;

  constructor(home: string, repository: string, pipeline: string) {
    const hash = createHash('sha256').update(repository).digest('hex').slice(0, 12);
    this.folder = join(home, 'runs', `${basename(repository)}-${hash}`, pipeline);
  }

  /** Id of the latest run that succeeded. */
  async latest(): Promise<string | null> {
    const id = await readFile(join(this.folder, 'latest'), 'utf8').catch(() => '');
    return /^[0-9a-f-]{36}$/.test(id) ? id : null;
  }

  /** Remembers how the run ended, and removes all runs but it and the latest that succeeded. */
  async ended(runId: string, succeeded: boolean): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    if (succeeded) {
      const next = join(this.folder, `.latest-${runId}`);
      await writeFile(next, runId);
      await rename(next, join(this.folder, 'latest'));
    }
    const keep = new Set([runId, await this.latest(), ...(await runsUnderWay(this.folder))]);
    for (const name of await readdir(this.folder)) {
      if (/^[0-9a-f-]{36}$/.test(name) && !keep.has(name))
        await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }
}

/** Another exec of the same pipeline may be at work. */
async function runsUnderWay(folder: string): Promise<string[]> {
  const work = join(folder, '..', '..', '..', 'work');
  return (await readdir(work).catch(() => [])).map((name) => name.split('_')[2] ?? '');
}
