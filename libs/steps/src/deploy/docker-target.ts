/**
 * The containers of one (environment, service) on a Docker engine. Their names are the state, as an engine renames at
 * once or not at all, and a container can be found by its name after whatever was killed:
 *
 *   hybrid.<environment>.<service>            what is deployed; stopped while its successor proves itself
 *   hybrid.<environment>.<service>.next       the successor, until it is healthy
 *   hybrid.<environment>.<service>.previous   what the successor has replaced; gone once that is sure
 */
import type Docker from 'dockerode';
import { createContainer, DockerProblem, statusOf } from '../sandbox/docker-engine.js';
import { StepProblem } from '../step.js';
import type { DockerSettings } from './docker-settings.js';
import type { Deployment } from './provider.js';

/** Without dots: they separate the parts of a container's name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
/** Seconds that a container has to end by itself. */
const STOP_SECONDS = 10;

type Found = Docker.ContainerInspectInfo;

export class DockerTarget {
  readonly #labels: Record<string, string>;
  readonly name: string;

  constructor(
    private readonly engine: Docker,
    private readonly deployment: Pick<Deployment, 'environment' | 'service' | 'id'>,
  ) {
    const { environment, service } = deployment;
    for (const [what, name] of Object.entries({ environment, service })) {
      if (!NAME.test(name))
        throw new StepProblem(
          `config.${what} is "${name}": use at most 63 letters, digits, dashes and underscores`,
        );
    }
    this.name = `hybrid.${environment}.${service}`;
    this.#labels = { 'hybrid.environment': environment, 'hybrid.service': service };
  }

  current(): Promise<Found | undefined> {
    return this.#find(this.name);
  }

  /** Ends what an attempt that was killed has left. Answers what was done about it. */
  async settle(): Promise<string | undefined> {
    const current = await this.current();
    const next = await this.#find(`${this.name}.next`);
    const previous = await this.#find(`${this.name}.previous`);
    if (!next) return undefined;
    if (previous && !current) {
      await this.engine.getContainer(next.Id).rename({ name: this.name });
      return 'a deployment that was broken off after its health check is finished';
    }
    await this.rollBack(next.Id, current?.Id, next.Config.Labels['hybrid.replaces.running'] === 'true');
    return `a deployment that was broken off is rolled back${current ? ` to ${current.Config.Image}` : ''}`;
  }

  /** Makes the successor without starting it. */
  async create(
    deployment: Deployment,
    settings: DockerSettings,
    replaces: Found | undefined,
  ): Promise<Docker.Container> {
    const { image, env, service, id } = deployment;
    const { ports, network = 'bridge', volumes, memory, cpu, command } = settings;
    const keyOf = (port: (typeof ports)[number]): string => `${port.containerPort}/${port.protocol}`;
    const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
    for (const port of ports)
      (bindings[keyOf(port)] ??= []).push({ HostIp: port.hostIp ?? '', HostPort: String(port.hostPort) });
    try {
      return await createContainer(this.engine, {
        name: `${this.name}.next`,
        Image: image,
        ...(command && { Cmd: command }),
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        Labels: {
          ...this.#labels,
          'hybrid.deployment': id,
          'hybrid.replaces.running': String(replaces?.State.Running ?? false),
        },
        ExposedPorts: Object.fromEntries(ports.map((port) => [keyOf(port), {}])),
        HostConfig: {
          PortBindings: bindings,
          NetworkMode: network,
          SecurityOpt: ['no-new-privileges'],
          // Not restarted while it is on trial: a crash must be seen.
          RestartPolicy: { Name: 'no' },
          Mounts: volumes.map(({ name, target, readOnly }) => ({
            Type: 'volume',
            Source: name,
            Target: target,
            ReadOnly: readOnly,
          })),
          ...(memory !== undefined && { Memory: memory, MemorySwap: memory }),
          ...(cpu !== undefined && { NanoCpus: Math.round(cpu * 1e9) }),
        },
        // The engine's own network knows no names.
        ...(network !== 'bridge' &&
          network !== 'none' && {
            NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [service] } } },
          }),
      });
    } catch (cause) {
      throw new DockerProblem(`no container can be made of the image ${image}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  async stop(id: string): Promise<void> {
    await unless([304, 404], this.engine.getContainer(id).stop({ t: STOP_SECONDS }));
  }

  /** The successor has proved itself: it takes the name, and what it replaces goes. */
  async commit(
    next: string,
    replaced: string | undefined,
    restart: DockerSettings['restart'],
  ): Promise<void> {
    await this.engine.getContainer(next).update({ RestartPolicy: { Name: restart } });
    await this.takePlace(next, replaced);
    if (replaced !== undefined) await this.#remove(replaced);
  }

  /** The successor takes the name; what had it is kept beside it, stopped, in the place of what was kept before. */
  async takePlace(next: string, replaced: string | undefined): Promise<void> {
    if (replaced !== undefined) {
      const kept = await this.#find(`${this.name}.previous`);
      if (kept) await this.#remove(kept.Id);
      await this.engine.getContainer(replaced).rename({ name: `${this.name}.previous` });
    }
    await this.engine.getContainer(next).rename({ name: this.name });
  }

  /** Removes the successor, and starts again what it was to replace, which is the very container that ran before. */
  async rollBack(next: string, replaced: string | undefined, wasRunning: boolean): Promise<void> {
    await this.#remove(next);
    if (replaced === undefined) return;
    const old = this.engine.getContainer(replaced);
    if ((await old.inspect()).Name !== `/${this.name}`) await old.rename({ name: this.name });
    if (wasRunning) await this.#start(replaced);
  }

  #start(id: string): Promise<void> {
    return unless([304], this.engine.getContainer(id).start());
  }

  #remove(id: string): Promise<void> {
    return unless([404, 409], this.engine.getContainer(id).remove({ force: true, v: true }));
  }

  async #find(name: string): Promise<Found | undefined> {
    let found: Found;
    try {
      found = await this.engine.getContainer(name).inspect();
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
    const foreign = Object.entries(this.#labels).some(
      ([label, value]) => found.Config.Labels[label] !== value,
    );
    if (foreign)
      throw new StepProblem(
        `there is a container ${name} that no deployment has made: rename or remove it, or name another service`,
      );
    return found;
  }
}

async function unless(fine: number[], request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!fine.includes(statusOf(error) ?? 0)) throw error;
  }
}
