/**
 * Replaces one container on one machine: stop the old one, start the new one, check it, and only then let go of the old
 * one; else start that again. Both cannot run at once, as they publish the same ports: the service is away from the stop
 * until the new one answers.
 */
import type Docker from 'dockerode';
import { pause } from '../sandbox/backoff.js';
import { findEngine } from '../sandbox/docker-engine.js';
import { ensureImage } from '../sandbox/docker-image.js';
import { textOf } from '../sandbox/docker-output.js';
import { StepProblem } from '../step.js';
import { dockerSettings, type DockerSettings } from './docker-settings.js';
import { DockerTarget } from './docker-target.js';
import { untilHealthy } from './health-check.js';
import type { Deployment, DeployOutcome, DeployTold, Provider } from './provider.js';

/** Milliseconds that a container must stay up where no health check says more. */
const STAYS_UP_MS = 5_000;
/** Lines of its log that are shown when it fails. */
const LOG_LINES = 20;

export class DockerProvider implements Provider {
  readonly strategies = ['recreate'] as const;

  async deploy(deployment: Deployment, told: DeployTold): Promise<DeployOutcome> {
    const settings = dockerSettings(deployment.settings);
    const engine = await findEngine();
    const target = new DockerTarget(engine, deployment);
    const settled = await target.settle();
    if (settled) told.log(settled);

    told.phase('getting the image');
    await ensureImage(engine, deployment.image, told.log, told.signal);
    const port = await healthPort(engine, deployment, settings);
    const old = await target.current();
    const next = await target.create(deployment, settings, old);
    const facts = {
      container: target.name,
      container_id: next.id,
      ...(old && { previous_image: old.Config.Image, previous_container_id: old.Id }),
    };
    const wasRunning = old?.State.Running ?? false;
    let trouble: string | undefined;
    try {
      if (wasRunning) {
        told.phase(`stopping ${old!.Config.Image}`);
        await target.stop(old!.Id);
      }
      told.signal.throwIfAborted();
      told.phase(`starting ${deployment.image}`);
      trouble = await this.#trial(engine, next, deployment, port, told);
      if (trouble === undefined) {
        told.phase('healthy');
        await target.commit(next.id, old?.Id, settings.restart);
        return { state: 'succeeded', facts };
      }
    } catch (error) {
      // Broken off, or the engine failed: nobody knows whether the new one is well.
      await target.rollBack(next.id, old?.Id, wasRunning);
      throw error;
    }
    await showLog(next, told);
    const message = `${deployment.image} did not become healthy: ${trouble}`;
    if (!deployment.rollbackOnFailure) {
      await target.takePlace(next.id, old?.Id);
      const kept = old ? `; ${old.Config.Image} is kept, stopped, as ${target.name}.previous` : '';
      return { state: 'failed', message: `${message}. It is left as ${target.name}${kept}`, facts };
    }
    told.phase(old ? `rolling back to ${old.Config.Image}` : 'removing it again');
    await target.rollBack(next.id, old?.Id, wasRunning);
    if (!old)
      return { state: 'failed', message: `${message}. There was nothing before it to go back to`, facts };
    return {
      state: 'rolled_back',
      message: `${message}. Rolled back to ${old.Config.Image}`,
      facts: { ...facts, container_id: old.Id },
    };
  }

  /** Starts it and watches. Resolves with nothing when it is well, else with what is wrong. */
  async #trial(
    engine: Docker,
    container: Docker.Container,
    { healthCheck }: Deployment,
    port: number | undefined,
    { signal }: DeployTold,
  ): Promise<string | undefined> {
    try {
      await container.start();
    } catch (error) {
      return `it cannot be started: ${(error as Error).message}`;
    }
    const gone = async (): Promise<string | undefined> => {
      const { State } = await container.inspect();
      if (State.Running) return undefined;
      return `it ended with exit code ${State.ExitCode}${State.OOMKilled ? ', killed for using too much memory' : ''}`;
    };
    if (!healthCheck || port === undefined) {
      await pause(STAYS_UP_MS, signal);
      return gone();
    }
    const url = `http://${await addressOf(engine, container, port)}${healthCheck.path}`;
    return untilHealthy({ url, check: healthCheck, gone, signal });
  }
}

/** The port to ask: the check's own, one that is published, one that the image exposes. Throws StepProblem where there is none. */
async function healthPort(
  engine: Docker,
  { healthCheck, image }: Deployment,
  { ports, network }: DockerSettings,
): Promise<number | undefined> {
  if (!healthCheck) return undefined;
  const published = ports.find(({ protocol }) => protocol === 'tcp')?.containerPort;
  const port = healthCheck.port ?? published ?? (await exposedPort(engine, image));
  if (port === undefined)
    throw new StepProblem(
      'config.health_check.port is missing: the container publishes no port to ask, and its image exposes none',
    );
  if (network === 'none')
    throw new StepProblem('a container without a network cannot be asked for its health');
  return port;
}

async function exposedPort(engine: Docker, image: string): Promise<number | undefined> {
  const { Config } = await engine.getImage(image).inspect();
  const exposed = Object.keys(Config.ExposedPorts ?? {}).find((port) => port.endsWith('/tcp'));
  return exposed === undefined ? undefined : Number.parseInt(exposed, 10);
}

/** Where this machine reaches the port: as published, or in the container's network. */
async function addressOf(engine: Docker, container: Docker.Container, port: number): Promise<string> {
  const { Ports, Networks } = (await container.inspect()).NetworkSettings;
  const published = Ports[`${port}/tcp`]?.[0];
  if (published) {
    const everywhere = ['', '0.0.0.0', '::'].includes(published.HostIp);
    return `${everywhere ? engineHost(engine) : published.HostIp}:${published.HostPort}`;
  }
  const address = Object.values(Networks).find(({ IPAddress }) => IPAddress)?.IPAddress;
  // It has ended already, which the next look at it tells.
  return `${address ?? '127.0.0.1'}:${port}`;
}

function engineHost(engine: Docker): string {
  const { host, socketPath } = engine.modem as { host?: string; socketPath?: string };
  return socketPath || !host ? '127.0.0.1' : host;
}

async function showLog(container: Docker.Container, told: DeployTold): Promise<void> {
  const raw = await container
    .logs({ stdout: true, stderr: true, tail: LOG_LINES })
    .catch(() => Buffer.alloc(0));
  const text = (await textOf([raw])).trimEnd();
  if (text !== '') for (const line of text.split('\n')) told.log(`its log: ${line.slice(0, 1_000)}`);
}
