/** Runs scripts on the host itself, as the agent's own user: only for hosts whose owner trusts the pipelines. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endGroup, startGroup } from './child-command.js';
import type { Executor, FinishedScript, OutputSink, Script } from './executor.js';
import { drainOutput } from './output-drain.js';
import { identityOf, isAlive, signalReaches } from './process-identity.js';
import { StepStopped } from './step.js';
import { existingInside } from './workspace-path.js';

/** Of the agent's environment, what a program needs to find its way; nothing that could hold a token. */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR|TEMP|TMP|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR)$/;
/** Bytes of the output file that are looked at. */
const OUTPUTS_MAX = 2 * 1024 * 1024;

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
    await writeFile(outputs, '');
    signal.throwIfAborted();

    const env = { ...passedOn(), ...script.env, HYBRID_OUTPUT: outputs, HYBRID_WORKSPACE: script.workspace };
    const { child, ended } = startGroup('sh', ['-e', join(folder, 'script.sh')], {
      cwd: script.workspace,
      env,
    });
    const pid = child.pid;
    const abort = (): void => {
      if (pid !== undefined) void endGroup(pid, grace(signal));
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      const drained = drainOutput({ stdout: child.stdout!, stderr: child.stderr! }, sink);
      if (pid !== undefined) await writeFile(join(script.scratch, 'group'), await identityOf(pid));
      const exitCode = await ended;
      // What the script left in the background ends with it.
      if (pid !== undefined) await endGroup(pid, signal.aborted ? grace(signal) : 0);
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

/** A lost job is run by another agent now: it ends at once. */
function grace(signal: AbortSignal): number | undefined {
  return signal.reason instanceof StepStopped && signal.reason.why === 'lost' ? 0 : undefined;
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => PASSED_ON.test(entry[0]) && entry[1] !== undefined,
    ),
  );
}
