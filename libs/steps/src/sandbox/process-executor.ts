/** Runs scripts on the host itself, as the agent's own user: only for hosts whose owner trusts the pipelines. */
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endGroup, startGroup } from './child-command.js';
import type { Executor, FinishedScript, OutputSink, Script } from './executor.js';
import { drainOutput } from './output-drain.js';
import { identityOf, isAlive, signalReaches } from './process-identity.js';
import { existingInside } from '../files/workspace-path.js';

/** Of the agent's environment, what a program needs to find its way; nothing that could hold a token. */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR|TEMP|TMP|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR)$/;
/** Bytes of the output file that are looked at. */
const OUTPUTS_MAX = 2 * 1024 * 1024;

/** Bytes of the progress file that are looked at. */
const PROGRESS_MAX = 4 * 1024;

export class ProcessExecutor implements Executor {
  readonly name = 'process';

  constructor(
    /** Folder of the jobs' folders. */
    private readonly workspaces: string,
  ) {}

  async run(
    script: Script,
    sink: OutputSink,
    log: (text: string) => void,
    signal: AbortSignal,
  ): Promise<FinishedScript> {
    log('running on the host, without a sandbox (process executor)');
    const folder = join(script.scratch, 'script');
    const outputs = join(folder, 'output');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'script.sh'), script.text, { mode: 0o600 });
    const progress = join(folder, 'progress');
    await writeFile(outputs, '');
    await writeFile(progress, '');
    signal.throwIfAborted();

    const env = {
      ...passedOn(),
      ...script.env,
      HYBRID_OUTPUT: outputs,
      HYBRID_PROGRESS: progress,
      HYBRID_WORKSPACE: script.workspace,
    };
    const { child, ended } = startGroup('sh', ['-e', join(folder, 'script.sh')], {
      cwd: script.workspace,
      env,
    });
    const pid = child.pid;
    const abort = (): void => {
      if (pid !== undefined) void endGroup(pid);
    };
    signal.addEventListener('abort', abort, { once: true });
    script.progressFrom(() => endOf(progress));
    try {
      const drained = drainOutput({ stdout: child.stdout!, stderr: child.stderr! }, sink);
      if (pid !== undefined) await writeFile(join(script.scratch, 'group'), await identityOf(pid));
      const exitCode = await ended;
      // What the script left in the background ends with it.
      if (pid !== undefined) await endGroup(pid, signal.aborted ? undefined : 0);
      await drained.finish();
      signal.throwIfAborted();
      return {
        exitCode,
        collect: (relative) => existingInside(script.workspace, relative),
        outputs: async () => (await readFile(outputs)).subarray(0, OUTPUTS_MAX).toString('utf8'),
        dispose: async () => {},
      };
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Ends process groups and removes folders of jobs that an earlier life of this agent ran. */
  async sweep(): Promise<number> {
    const jobs = await readdir(this.workspaces);
    for (const job of jobs) {
      const group = await readFile(join(this.workspaces, job, 'scratch', 'group'), 'utf8').catch(() => '');
      const pid = Number(group.split(' ')[0]);
      // A leader that is gone has left its number to its group; one that lives must be the same process.
      if (pid > 1 && ((await isAlive(group)) || !signalReaches(pid))) await endGroup(pid, 0);
    }
    return jobs.length;
  }
}

/** Its last bytes: a step may write for hours. */
async function endOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.min(size, PROGRESS_MAX));
    await handle.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8');
  } finally {
    await handle.close();
  }
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => PASSED_ON.test(entry[0]) && entry[1] !== undefined,
    ),
  );
}
