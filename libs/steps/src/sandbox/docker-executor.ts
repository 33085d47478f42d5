/** Runs each script in a container of its own, with the services it asks for beside it. */
import type Docker from 'dockerode';
import type { Readable } from 'node:stream';
import { StepProblem } from '../step.js';
import { ownFilesOf, OWN_HOME, planContainer, type ContainerPlan } from './docker-container.js';
import { createContainer, DockerProblem, endContainer, removeContainer, wordsOf } from './docker-engine.js';
import { ContainerFiles, userIn } from './docker-files.js';
import { ensureImage, publicReference } from './docker-image.js';
import { labelsOf, removeAllOf, sweepEngine } from './docker-labels.js';
import { pumpOutput } from './docker-output.js';
import { JobServices } from './docker-services.js';
import type { Executor, FinishedScript, OutputSink, Script } from './executor.js';
import { checkMounts, showBytes, type SandboxSettings } from './limits.js';

export interface Prepared {
  container: Docker.Container;
  files: ContainerFiles;
  plan: ContainerPlan;
}

export class DockerExecutor implements Executor {
  readonly name = 'docker';

  constructor(
    readonly engine: Docker,
    private readonly agentId: () => string,
    private readonly defaultImage: string,
    readonly settings: SandboxSettings = {},
  ) {}

  async run(
    script: Script,
    sink: OutputSink,
    log: (text: string) => void,
    signal: AbortSignal,
  ): Promise<FinishedScript> {
    const { engine, settings } = this;
    const labels = await labelsOf(this.agentId(), script);
    const internal = script.network === 'none';
    const services = script.services?.length
      ? await JobServices.start(engine, script.services, {
          settings,
          labels,
          internal,
          log,
          signal,
          ensure: async (image) => (await this.#ensure(image, script, log, signal)).name,
        })
      : undefined;
    let container: Docker.Container | undefined;
    const dispose = async (): Promise<void> => {
      try {
        if (container) await removeContainer(engine, container.id);
      } finally {
        await services?.dispose();
      }
    };
    try {
      const prepared = await this.prepare(script, log, signal, services?.network);
      const { files, plan } = prepared;
      container = prepared.container;
      const exitCode = await runToEnd(prepared, script, sink, signal);
      if (exitCode !== 0) await services?.tell();
      return {
        exitCode,
        note: exitCode === 0 ? undefined : await whyKilled(container, plan),
        collect: (path) => files.collect(path),
        outputs: () => files.ownFile('HYBRID_OUTPUT'),
        ownFile: (variable) => files.ownFile(variable),
        dispose,
      };
    } catch (error) {
      await dispose();
      signal.throwIfAborted();
      throw error;
    }
  }

  /** Makes the container and copies in what it finds when it begins. */
  async prepare(
    script: Script,
    log: (text: string) => void,
    signal: AbortSignal,
    network: string = script.network,
  ): Promise<Prepared> {
    const { engine, settings } = this;
    const image = await this.#ensure(script.image ?? this.defaultImage, script, log, signal);
    const labels = await labelsOf(this.agentId(), script);
    const modem = engine.modem as { getSocketPath?(): Promise<string> | undefined };
    const socketPath = await modem.getSocketPath?.();
    const plan = await planContainer(script, image, { settings, labels, network, socketPath });
    const container = await this.#create(plan);
    try {
      return { container, plan, files: await filled(engine, container, script, plan, signal) };
    } catch (error) {
      await removeContainer(engine, container.id);
      throw error;
    }
  }

  async sweep(): Promise<number> {
    return sweepEngine(this.engine, this.agentId());
  }

  /** Ends and removes what runs, at once: `run` then fails in whatever way. */
  async endAll(): Promise<void> {
    await removeAllOf(this.engine, this.agentId());
  }

  /** The image on the engine, and the name to run it by. What the agent's owner chose is for every job. */
  async #ensure(
    image: string,
    { untrusted = false }: Script,
    log: (text: string) => void,
    signal: AbortSignal,
  ): Promise<{ name: string; config: Docker.ImageInspectInfo['Config'] }> {
    const anonymous = untrusted && image !== this.defaultImage;
    const name = anonymous ? await publicReference(this.engine, image, signal) : image;
    const { Config } = await ensureImage(this.engine, name, log, signal, { anonymous });
    return { name, config: Config };
  }

  async #create({ options }: ContainerPlan): Promise<Docker.Container> {
    try {
      return await createContainer(this.engine, options);
    } catch (cause) {
      throw new DockerProblem(`no container can be made of the image ${options.Image}: ${wordsOf(cause)}`, {
        cause,
      });
    }
  }
}

/** Copies in what the script finds when it begins. */
async function filled(
  engine: Docker,
  container: Docker.Container,
  script: Script,
  { user, home }: ContainerPlan,
  signal: AbortSignal,
): Promise<ContainerFiles> {
  const inImage = await userIn(container, user, script.scratch, signal);
  const owner = { ...inImage, home: home ?? inImage.home };
  const files = new ContainerFiles(container, script.scratch, script.workDir, owner, signal);
  await files.putOwn({
    'script.sh': script.text ?? '',
    ...(home === OWN_HOME && { 'home/': '' }),
    ...Object.fromEntries(ownFilesOf(script).map((variable) => [variable, ''])),
  });
  await files.ownWorkspace(engine);
  await files.put(script.workspace, '.');
  for (const { from, to } of script.preload ?? []) await files.put(from, to);
  return files;
}

/** Answers the exit code; on abort everything in the container is ended and the reason is thrown. */
async function runToEnd(
  { container, files, plan }: Prepared,
  script: Script,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<number> {
  const over = new AbortController();
  const end = (): void => void endContainer(container, over.signal);
  const output = await container.attach({ stream: true, stdout: true, stderr: true });
  signal.addEventListener('abort', end, { once: true });
  try {
    signal.throwIfAborted();
    await startContainer(container, script, plan);
    // An abort between the check and the start found nothing to kill.
    if (signal.aborted) end();
    script.progressFrom(() => files.ownFile('HYBRID_PROGRESS'));
    await pumpOutput(output as unknown as AsyncIterable<Buffer>, sink);
    // The output can end early when the connection breaks; the container itself says when it is over.
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    signal.throwIfAborted();
    return StatusCode;
  } finally {
    over.abort();
    signal.removeEventListener('abort', end);
    // Of a container that did not start it would stay open.
    (output as unknown as Readable).destroy();
  }
}

/** Throws StepProblem or DockerProblem that says why it does not start. */
export async function startContainer(
  container: Docker.Container,
  { image, shell, program }: Script,
  { mounts }: ContainerPlan,
): Promise<void> {
  await checkMounts(mounts);
  try {
    await container.start();
  } catch (cause) {
    const message = wordsOf(cause);
    if (!program && message.includes('executable file not found'))
      throw new StepProblem(
        `the image${image ? ` ${image}` : ''} has no ${shell ?? 'sh'}, by which the commands are run: ` +
          'name an image that has, or run its own program with step.docker_run',
        { cause },
      );
    throw new DockerProblem(`the container cannot be started: ${message}`, { cause });
  }
  // It runs: whoever started it removes it now.
  await checkMounts(mounts);
}

async function whyKilled(
  container: Docker.Container,
  { bounds }: ContainerPlan,
): Promise<string | undefined> {
  const { State } = await container.inspect();
  return State.OOMKilled
    ? `it was killed for using more than ${showBytes(bounds.memory)} of memory (config.memory)`
    : undefined;
}
