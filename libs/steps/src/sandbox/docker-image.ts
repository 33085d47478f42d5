import type Docker from 'dockerode';
import { abortable } from '../abortable.js';
import { DockerProblem, imageNamed, statusOf, wordsOf } from './docker-engine.js';
import { followEngine } from './docker-progress.js';
import { credentialsFor, registryOf } from './registry-credentials.js';

/** Milliseconds that a registry's answer counts: Docker Hub takes each question for a pull, of which it gives few. */
const PUBLIC_MS = 60 * 60 * 1000;
const known = new Map<string, { reference: string; until: number }>();

/**
 * Pulls the image where it is missing, with the credentials that the agent's user has for its registry unless
 * `anonymous`; answers what it says of itself. Throws DockerProblem when it cannot be had, or the signal's reason.
 */
export async function ensureImage(
  engine: Docker,
  image: string,
  log: (text: string) => void,
  signal: AbortSignal,
  { anonymous = false } = {},
): Promise<Docker.ImageInspectInfo> {
  try {
    return await imageNamed(engine, image).inspect();
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  log(`pulling image ${image}`);
  try {
    const authconfig = anonymous ? undefined : await credentialsFor(registryOf(image));
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

/**
 * `name@sha256:…` of the image as its registry gives it to anybody, whatever the engine has of that name: others may have
 * pulled it with a login, or built it here. By its digest a pull gives no tag another image either. Throws DockerProblem.
 */
export async function publicReference(engine: Docker, image: string, signal: AbortSignal): Promise<string> {
  const before = known.get(image);
  if (before && performance.now() < before.until) return before.reference;
  try {
    const asked = imageNamed(engine, image).distribution() as Promise<{ Descriptor: { digest: string } }>;
    const { Descriptor } = await abortable(asked, signal);
    const reference = `${image.replace(/@.*$/, '').replace(/:[^/:]+$/, '')}@${Descriptor.digest}`;
    known.set(image, { reference, until: performance.now() + PUBLIC_MS });
    return reference;
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof DockerProblem) throw cause;
    throw new DockerProblem(
      `the commits come from a fork, and such steps run images that anybody can pull, with no login of this agent: ` +
        `${image} is not had so (${wordsOf(cause)})`,
      { cause },
    );
  }
}

function remedyFor(cause: unknown, image: string): string {
  return /unauthori[sz]ed|authentication|denied|no basic auth/i.test(wordsOf(cause))
    ? `check its name; where it is private, docker login ${registryOf(image)} as the user of the agent`
    : 'check its name, and that the engine reaches its registry';
}
