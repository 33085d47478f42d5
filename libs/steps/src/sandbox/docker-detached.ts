/** A container that goes on when its step has ended: until its time is over, or until the agent starts anew. */
import { pause } from './backoff.js';
import { removeContainer } from './docker-engine.js';
import { startContainer, type DockerExecutor } from './docker-executor.js';
import type { Script } from './executor.js';

export interface Detached {
  id: string;
  name: string;
  /** On the engine's network; empty where it has none. */
  address: string;
}

export async function startDetached(
  executor: DockerExecutor,
  script: Script,
  seconds: number,
  log: (text: string) => void,
  signal: AbortSignal,
): Promise<Detached> {
  const { container, plan } = await executor.prepare(script, log, signal);
  const remove = (): Promise<void> => removeContainer(executor.engine, container.id);
  try {
    signal.throwIfAborted();
    await startContainer(container, script, plan);
    const { Name, NetworkSettings } = await container.inspect();
    // What the agent does not live to remove, its next start does.
    pause(seconds * 1000, undefined, { ref: false })
      .then(remove)
      .catch(() => undefined);
    const [network] = Object.values(NetworkSettings.Networks);
    return { id: container.id, name: Name.replace(/^\//, ''), address: network?.IPAddress ?? '' };
  } catch (error) {
    await remove();
    throw error;
  }
}
