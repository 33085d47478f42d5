import type Docker from 'dockerode';
import { DockerProblem, statusOf } from './docker-engine.js';

/** Pulls the image where it is missing; answers what it says of itself. Throws DockerProblem when it cannot be had, or the signal's reason. */
export async function ensureImage(
  engine: Docker,
  image: string,
  log: (text: string) => void,
  signal: AbortSignal,
): Promise<Docker.ImageInspectInfo> {
  try {
    return await engine.getImage(image).inspect();
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  log(`pulling image ${image}`);
  try {
    // Without a tag the engine would pull every one.
    const stream = await engine.pull(/[:@][^/]+$/.test(image) ? image : `${image}:latest`, {
      abortSignal: signal,
    });
    await pulled(engine, stream);
    return await engine.getImage(image).inspect();
  } catch (cause) {
    signal.throwIfAborted();
    throw new DockerProblem(
      `the image ${image} is not on this machine and cannot be pulled (${(cause as Error).message}): ` +
        'check its name, and that the engine reaches its registry',
      { cause },
    );
  }
}

/** A failed pull ends like a good one; the failure stands in the stream. */
async function pulled(engine: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  const events = await new Promise<{ error?: string }[]>((resolve, reject) => {
    engine.modem.followProgress(stream, (error, output) =>
      error ? reject(error) : resolve(output as { error?: string }[]),
    );
  });
  const failed = events.find((event) => event.error !== undefined);
  if (failed) throw new Error(failed.error);
}
