/** Runs scripts on the host itself, as the agent's own user: only for hosts whose owner trusts the pipelines. */
import { writeFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, posix } from 'node:path';
import { endGroup, startGroup } from './child-command.js';
import type { Executor, FinishedScript, OutputSink, Script } from './executor.js';
import { drainOutput } from './output-drain.js';
import { identityOfNew, isAlive, signalReaches } from './process-identity.js';
import { readPart } from '../files/regular-file.js';
import { existingInside, ifMissing, insideWorkspace, makeFolderInside } from '../files/workspace-path.js';
import { StepProblem } from '../step.js';

/** Of the agent's environment, what a program needs to find its way; nothing that could hold a token. */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR|TEMP|TMP|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR)$/;
/** Bytes of a file of ours that are looked at. */
const OWN_FILE_MAX = 2 * 1024 * 1024;

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
    refuseWhatNeedsContainers(script);
    const folder = join(script.scratch, 'script');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'script.sh'), script.text ?? '', { mode: 0o600 });
    const ownFile = (variable: string): string => join(folder, variable);
    const ownFiles = ['HYBRID_OUTPUT', 'HYBRID_PROGRESS', ...(script.ownFiles ?? [])];
    for (const variable of ownFiles) await writeFile(ownFile(variable), '');
    await copyIn(script, log);
    signal.throwIfAborted();

    const env = {
      ...passedOn(),
      ...script.env,
      ...Object.fromEntries(ownFiles.map((variable) => [variable, ownFile(variable)])),
      HYBRID_WORKSPACE: script.workspace,
    };
    const { child, ended } = startGroup(script.shell ?? 'sh', ['-e', join(folder, 'script.sh')], {
      cwd: script.workspace,
      env,
    });
    const pid = child.pid;
    const abort = (): void => {
      if (pid !== undefined) void endGroup(pid);
    };
    signal.addEventListener('abort', abort, { once: true });
    script.progressFrom(() => readPart(ownFile('HYBRID_PROGRESS'), PROGRESS_MAX, 'end'));
    try {
      // Before anything else is done: an agent that is killed leaves no process that its next life does not know.
      if (pid !== undefined) writeFileSync(join(script.scratch, 'group'), identityOfNew(pid));
      const drained = drainOutput({ stdout: child.stdout!, stderr: child.stderr! }, sink);
      const exitCode = await ended;
      // What the script left in the background ends with it.
      if (pid !== undefined) await endGroup(pid, signal.aborted ? undefined : 0);
      await drained.finish();
      signal.throwIfAborted();
      const textOf = (variable: string): Promise<string> =>
        readPart(ownFile(variable), OWN_FILE_MAX, 'beginning').catch((cause: Error) => {
          throw new StepProblem(`the file that $${variable} names cannot be read: ${cause.message}`, {
            cause,
          });
        });
      return {
        exitCode,
        collect: (path) => collect(script, path),
        outputs: () => textOf('HYBRID_OUTPUT'),
        ownFile: textOf,
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

function refuseWhatNeedsContainers({ services, program, limits }: Script): void {
  const needs =
    (services?.length && `the services ${services.map(({ name }) => name).join(', ')}`) ||
    (program && 'a step that runs an image') ||
    (limits?.mounts?.length && 'mounts') ||
    (limits?.docker_socket && 'docker_socket') ||
    (limits?.read_only && 'read_only') ||
    (limits?.user !== undefined && 'user');
  if (!needs) return;
  throw new StepProblem(
    `this agent runs steps on its machine without containers, and ${needs} cannot be had without: ` +
      'let the step run on an agent with --executor docker (labels or pool choose one)',
  );
}

/** Outside the workspace this machine's own files are used as they are. */
async function copyIn(
  { workspace, workDir, preload = [] }: Script,
  log: (text: string) => void,
): Promise<void> {
  for (const { from, to } of preload) {
    const target = inWorkspace(to, workDir);
    if (target === undefined) {
      log(`${to} lies outside the workspace: this machine's own is used as it is`);
      continue;
    }
    const folder = await makeFolderInside(workspace, posix.dirname(target));
    await existingInside(workspace, target);
    await cp(from, join(folder, posix.basename(target)), { recursive: true, verbatimSymlinks: true });
  }
}

async function collect({ workspace, workDir }: Script, path: string): Promise<string | undefined> {
  const relative = inWorkspace(path, workDir);
  if (relative !== undefined) return existingInside(workspace, relative);
  return realpath(path.startsWith('~') ? join(homedir(), path.slice(1)) : path).catch(ifMissing);
}

/** Relative to the workspace; nothing for what lies outside. Throws StepProblem for `..` out of it. */
function inWorkspace(path: string, workDir: string): string | undefined {
  const absolute = isAbsolute(path) ? posix.resolve(path) : undefined;
  const outside = absolute !== undefined && absolute !== workDir && !absolute.startsWith(`${workDir}/`);
  return outside || path === '~' || path.startsWith('~/') ? undefined : insideWorkspace(path, workDir);
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => PASSED_ON.test(entry[0]) && entry[1] !== undefined,
    ),
  );
}
