/** Which sandbox steps get, as an agent's settings or the flags of `hybrid exec` ask for it. */
import { DockerProblem, findEngine } from './docker-engine.js';
import { DockerExecutor } from './docker-executor.js';
import type { Executor } from './executor.js';
import { DummyExecutor } from './dummy-executor.js';
import type { SandboxSettings } from './limits.js';
import { ProcessExecutor } from './process-executor.js';

export interface ExecutorChoice {
  /** `auto`: docker where an engine answers; `dummy` runs nothing. */
  executor: 'auto' | 'docker' | 'process' | 'dummy';
  /** Steps may run on this machine without a sandbox. */
  allowHost: boolean;
  /** Of steps that name none. */
  defaultImage: string;
  /** What containers may have and do. */
  sandbox?: SandboxSettings;
}

/** What was asked for cannot be had here; the message says what to do. */
export class ExecutorProblem extends Error {
  override readonly name = 'ExecutorProblem';
}

/**
 * `workspaces`: folder of the jobs' folders. `owner` labels containers, so that a later life can sweep them; it is asked
 * only when a job runs. Throws ExecutorProblem.
 */
export async function chooseExecutor(
  { executor, allowHost, defaultImage, sandbox }: ExecutorChoice,
  workspaces: string,
  owner: () => string,
): Promise<Executor> {
  if (executor === 'dummy') return new DummyExecutor();
  if (executor === 'process') {
    if (allowHost) return new ProcessExecutor(workspaces);
    throw new ExecutorProblem(
      'the process executor runs steps on this machine without a sandbox: allow that with --allow-host, or use --executor docker',
    );
  }
  try {
    return new DockerExecutor(await findEngine(), owner, defaultImage, sandbox);
  } catch (cause) {
    if (!(cause instanceof DockerProblem)) throw cause;
    if (executor === 'auto' && allowHost) return new ProcessExecutor(workspaces);
    throw new ExecutorProblem(
      `${cause.message}: start Docker, or set DOCKER_HOST` +
        (executor === 'auto'
          ? ', or allow steps to run on this machine without a sandbox with --allow-host'
          : ''),
      { cause },
    );
  }
}
