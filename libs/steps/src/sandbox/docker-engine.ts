import Docker from 'dockerode';
import { pause } from './backoff.js';
import { GRACE_MS } from './child-command.js';

/** Milliseconds for the engine to answer a ping: it is on this machine or near. */
const PING_MS = 3_000;

/** What the Docker engine could not do, and how to mend it. */
export class DockerProblem extends Error {
  override readonly name = 'DockerProblem';
}

/** The engine that DOCKER_HOST names, or that of this machine. Throws DockerProblem when none answers. */
export async function findEngine(): Promise<Docker> {
  const engine = new Docker();
  const late = new AbortController();
  const silence = pause(PING_MS, late.signal).then(() => {
    throw new Error(`no answer for ${PING_MS / 1000} s`);
  });
  silence.catch(() => undefined);
  try {
    await Promise.race([engine.ping(), silence]);
  } catch (cause) {
    const where = process.env['DOCKER_HOST'] ?? '/var/run/docker.sock';
    throw new DockerProblem(`no Docker engine answers at ${where} (${(cause as Error).message})`, { cause });
  } finally {
    late.abort();
  }
  return engine;
}

/** The library would write all options, secrets too, into the address of the request as well as into its body. */
export function createContainer(
  engine: Docker,
  { name, ...options }: Docker.ContainerCreateOptions,
): Promise<Docker.Container> {
  return engine.createContainer({
    _query: { ...(name !== undefined && { name }) },
    _body: options,
  } as Docker.ContainerCreateOptions);
}

/** `[host[:port]/]path[:tag][@digest]`, or an id. */
const IMAGE =
  /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;

/**
 * The engine's image of that name. The library puts names into the paths of its requests as they are: what is no name
 * could be another request. @throws DockerProblem
 */
export function imageNamed(engine: Docker, name: string): Docker.Image {
  if (!IMAGE.test(name) || name.includes('..') || name.includes('//'))
    throw new DockerProblem(
      `${JSON.stringify(name)} is no name of an image: write registry.example/team/app:1.2, in lower case`,
    );
  return engine.getImage(name);
}

/** HTTP status of an engine's refusal. */
export function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode;
}

/** What an engine said when it refused, without what the library puts before it. */
export function wordsOf(error: unknown): string {
  return (error as Error).message.replace(/^\(HTTP code \d+\) .*? - /, '').trim();
}

/**
 * Ends what runs in the container: SIGTERM, ten seconds of grace, SIGKILL; gives up the wait when `over` aborts.
 * Never rejects: what cannot be ended is removed by force.
 */
export async function endContainer(container: Docker.Container, over: AbortSignal): Promise<void> {
  const ignore = (): void => undefined;
  // To the shell, for its traps: as process 1 it ignores what it does not handle, and so would the container.
  await container.kill({ signal: 'SIGTERM' }).catch(ignore);
  // To all but the shell, which ends when its command does.
  await container
    .exec({ Cmd: ['sh', '-c', 'kill -TERM -1'] })
    .then((exec) => exec.start({ Detach: true }))
    .then((stream) => stream.resume())
    .catch(ignore);
  await pause(GRACE_MS, over)
    .then(() => container.kill({ signal: 'SIGKILL' }), ignore)
    .catch(ignore);
}

/** Removes the container and its volume; what is gone already is fine. */
export async function removeContainer(engine: Docker, id: string, volume?: string): Promise<void> {
  try {
    await engine.getContainer(id).remove({ force: true, v: true });
  } catch (error) {
    // 409: somebody else is removing it.
    if (![404, 409].includes(statusOf(error) ?? 0)) throw error;
  }
  if (volume !== undefined) await engine.getVolume(volume).remove({ force: true });
}
