import { chooseExecutor as choose, ExecutorProblem, type Executor } from '@hybrid/steps';
import { SettingsError, type Settings } from './settings.js';

/** The executor that the settings ask for. Throws SettingsError when it cannot be had. `agentId` is asked only when a job runs. */
export async function chooseExecutor(
  settings: Settings,
  workspaces: string,
  agentId: () => string,
): Promise<Executor> {
  try {
    return await choose(settings, workspaces, agentId);
  } catch (cause) {
    if (!(cause instanceof ExecutorProblem)) throw cause;
    throw new SettingsError(cause.message, { cause });
  }
}
