import { chooseExecutor as choose, ExecutorProblem, type Executor } from '@hybrid/steps';
import { SettingsError, type Settings } from './settings.js';

/** The executor that the settings ask for. Throws SettingsError when it cannot be had. `agentId` is asked only when a job runs. */
export async function chooseExecutor(
  settings: Settings,
  workspaces: string,
  agentId: () => string,
): Promise<Executor> {
  const { stepMemory, stepCpu, stepPids, allowMounts, allowDockerSocket } = settings;
  const sandbox = { memory: stepMemory, cpu: stepCpu, pids: stepPids, allowMounts, allowDockerSocket };
  try {
    return await choose({ ...settings, sandbox }, workspaces, agentId);
  } catch (cause) {
    if (!(cause instanceof ExecutorProblem)) throw cause;
    throw new SettingsError(cause.message, { cause });
  }
}
