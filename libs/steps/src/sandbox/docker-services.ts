/** Containers beside a script, in a network of the job's own, where each is found by its name. */
import type { ServiceSpec } from '@hybrid/contracts';
import type Docker from 'dockerode';
import { randomUUID } from 'node:crypto';
import { abortable } from '../abortable.js';
import { pause } from './backoff.js';
import { hardened } from './docker-container.js';
import { createContainer, DockerProblem, removeContainer, statusOf, wordsOf } from './docker-engine.js';
import { textOf } from './docker-output.js';
import { boundsOf, type SandboxSettings } from './limits.js';
import { StepProblem } from '../step.js';

/**
 * What the entrypoints of common images (PostgreSQL, MySQL, Redis) need to give their data to a user of their own and
 * become that user. They reach nothing outside the container.
 */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'];
const READY_SECONDS = 60;
const POLL_MS = 250;
/** Lines of a service that are shown when something went wrong. */
const TAIL = 20;
/** Bytes of a ready command's output that are kept: its last line is shown. */
const OUTPUT_MAX = 8 * 1024;

interface Service {
  spec: ServiceSpec;
  container: Docker.Container;
}

export interface ServicesOptions {
  settings: SandboxSettings;
  labels: Record<string, string>;
  /** Nothing outside can be reached. */
  internal: boolean;
  log: (text: string) => void;
  signal: AbortSignal;
  /** Has the engine have an image; answers the name to run it by. */
  ensure(image: string): Promise<string>;
}

export class JobServices {
  readonly network = `hybrid-${randomUUID()}`;
  readonly #running: Service[] = [];

  private constructor(
    private readonly engine: Docker,
    private readonly options: ServicesOptions,
  ) {}

  /** Resolves when all are ready. Throws StepProblem where one does not become so; nothing is left then. */
  static async start(
    engine: Docker,
    services: ServiceSpec[],
    options: ServicesOptions,
  ): Promise<JobServices> {
    const started = new JobServices(engine, options);
    try {
      await started.#start(services);
      return started;
    } catch (error) {
      await started.dispose();
      throw error;
    }
  }

  /** The last lines of each, for a step that failed. */
  async tell(): Promise<void> {
    for (const { spec, container } of this.#running) {
      for (const line of await lastLines(container)) this.options.log(`[${spec.name}] ${line}`);
    }
  }

  async dispose(): Promise<void> {
    try {
      await Promise.all(this.#running.map(({ container }) => removeContainer(this.engine, container.id)));
    } finally {
      await this.engine
        .getNetwork(this.network)
        .remove()
        .catch((error: Error) => {
          if (statusOf(error) !== 404) throw error;
        });
    }
  }

  async #start(services: ServiceSpec[]): Promise<void> {
    const { labels, internal, log, signal, ensure } = this.options;
    const images: string[] = [];
    for (const { image } of services) images.push(await ensure(image));
    await this.engine.createNetwork({
      Name: this.network,
      Internal: internal,
      // An internal network still reaches its engine's machine, unless that has no address in it.
      ...(internal && { Options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' } }),
      Labels: labels,
    });
    for (const [index, spec] of services.entries()) {
      signal.throwIfAborted();
      const container = await this.#create({ ...spec, image: images[index]! });
      this.#running.push({ spec, container });
      await container.start().catch((cause: Error) => {
        throw new DockerProblem(`the service ${spec.name} cannot be started: ${wordsOf(cause)}`, { cause });
      });
    }
    // One that fails must not leave the others waiting.
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const waits = this.#running.map((service) => this.#ready(service, either));
    await Promise.all(waits).finally(async () => {
      failed.abort();
      await Promise.allSettled(waits);
    });
    log(`services are ready: ${services.map(({ name }) => name).join(', ')}`);
  }

  async #create({ name, image, env = {}, command }: ServiceSpec): Promise<Docker.Container> {
    try {
      return await createContainer(this.engine, {
        Image: image,
        ...(command && { Cmd: command }),
        Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
        Labels: this.options.labels,
        HostConfig: {
          ...hardened(boundsOf({}, this.options.settings)),
          CapAdd: CAPABILITIES,
          NetworkMode: this.network,
          LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
        },
        NetworkingConfig: { EndpointsConfig: { [this.network]: { Aliases: [name] } } },
      });
    } catch (cause) {
      throw new DockerProblem(`the service ${name} cannot be made: ${wordsOf(cause)}`, { cause });
    }
  }

  async #ready({ spec, container }: Service, signal: AbortSignal): Promise<void> {
    const seconds = spec.ready_timeout_seconds ?? READY_SECONDS;
    const late = AbortSignal.timeout(seconds * 1000);
    const over = AbortSignal.any([signal, late]);
    let last = 'its ready command does not end';
    for (;;) {
      const { State } = await container.inspect();
      if (!State.Running) {
        await this.#fail(spec, container, `ended with ${State.ExitCode} before it was ready`);
      }
      if (!spec.ready) return;
      try {
        // One that hangs ends with its container.
        const { exitCode, lastLine } = await abortable(execute(container, spec.ready), over);
        if (exitCode === 0) return;
        last = `its ready command ends with ${exitCode}${lastLine && `: ${lastLine}`}`;
        await pause(POLL_MS, over);
      } catch (error) {
        signal.throwIfAborted();
        if (!late.aborted) throw error;
        await this.#fail(spec, container, `was not ready within ${seconds} s (${last})`);
      }
    }
  }

  async #fail({ name }: ServiceSpec, container: Docker.Container, what: string): Promise<never> {
    for (const line of await lastLines(container)) this.options.log(`[${name}] ${line}`);
    throw new StepProblem(`the service ${name} ${what}`);
  }
}

async function lastLines(container: Docker.Container): Promise<string[]> {
  const bytes = await container.logs({ stdout: true, stderr: true, tail: TAIL, follow: false });
  return (await textOf([bytes])).trimEnd().split('\n').filter(Boolean);
}

/** Runs a command in the container to its end. */
async function execute(
  container: Docker.Container,
  command: string[],
): Promise<{ exitCode: number; lastLine: string }> {
  try {
    const exec = await container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({});
    const output = await textOf(stream, OUTPUT_MAX);
    const lastLine = output.trim().split('\n').at(-1) ?? '';
    return { exitCode: (await exec.inspect()).ExitCode ?? -1, lastLine };
  } catch (error) {
    // 409: it does not run any more, which the next look says better.
    if (statusOf(error) === 409) return { exitCode: -1, lastLine: '' };
    throw error;
  }
}
