import type Docker from 'dockerode';
import { DockerProblem, imageNamed, statusOf, wordsOf } from './docker-engine.js';
import { followEngine } from './docker-progress.js';
import { credentialsFor, registryOf } from './registry-credentials.js';

/**
 * Pulls the image where it is missing, with the credentials that the agent's user has for its registry; answers what it
 * says of itself. Throws DockerProblem when it cannot be had, or the signal's reason.
 */
export async function ensureImage(
  engine: Docker,
  image: string,
  log: (text: string) => void,
  signal: AbortSignal,
): Promise<Docker.ImageInspectInfo> {
  try {
    return await imageNamed(engine, image).inspect();
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  log(`pulling image ${image}`);
  try {
    const authconfig = await credentialsFor(registryOf(image));
    // Without a tag the engine would pull every one.
    const stream = await engine.pull(/[:@][^/]+$/.test(image) ? image : `${image}:latest`, {
      abortSignal: signal,
      ...(authconfig && { authconfig }),
    });
    await followEngine(stream, async () => undefined);
    return await imageNamed(engine, image).inspect();
  } catch (cause) {
    signal.throwIfAborted();
    throw new DockerProblem(
      `the image ${image} is not on this machine and cannot be pulled (${wordsOf(cause)}): ${remedyFor(cause, image)}`,
      { cause },
    );
  }
}

function remedyFor(cause: unknown, image: string): string {
  return /unauthori[sz]ed|authentication|denied|no basic auth/i.test(wordsOf(cause))
    ? `check its name; where it is private, docker login ${registryOf(image)} as the user of the agent`
    : 'check its name, and that the engine reaches its registry';
}
