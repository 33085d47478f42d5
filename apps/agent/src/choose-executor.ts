import {
  DockerExecutor,
  DockerProblem,
  DummyExecutor,
  type Executor,
  findEngine,
  ProcessExecutor,
} from '@hybrid/steps';
import { SettingsError, type Settings } from './settings.js';

/** The executor that the settings ask for. Throws SettingsError when it cannot be had. `agentId` is asked only when a job runs. */
export async function chooseExecutor(
  settings: Settings,
  workspaces: string,
  agentId: () => string,
): Promise<Executor> {
  const { executor, allowHost, defaultImage, stepMemory, stepCpu, stepPids } = settings;
  const { allowMounts, allowDockerSocket } = settings;
  if (executor === 'dummy') return new DummyExecutor();
  if (executor === 'process') {
    if (allowHost) return new ProcessExecutor(workspaces);
    throw new SettingsError(
      'the process executor runs steps on this machine without a sandbox: allow that with --allow-host, or use --executor docker',
    );
  }
  try {
    return new DockerExecutor(await findEngine(), agentId, defaultImage, {
      memory: stepMemory,
      cpu: stepCpu,
      pids: stepPids,
      allowMounts,
      allowDockerSocket,
    });
  } catch (cause) {
    if (!(cause instanceof DockerProblem)) throw cause;
    if (executor === 'auto' && allowHost) return new ProcessExecutor(workspaces);
    throw new SettingsError(
      `${cause.message}: start Docker, or set DOCKER_HOST` +
        (executor === 'auto'
          ? ', or allow steps to run on this machine without a sandbox with --allow-host'
          : ''),
      { cause },
    );
  }
}
