/** step.docker_build: an image out of the workspace, by the engine's own builder. */
import type Docker from 'dockerode';
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { Dockerignore } from '../files/dockerignore.js';
import { packTree } from '../files/tree-archive.js';
import { DEFAULT_WORK_DIR, existingInside, insideWorkspace } from '../files/workspace-path.js';
import { OutputLines } from '../output/output-lines.js';
import { DockerExecutor } from '../sandbox/docker-executor.js';
import { EngineFailure, followEngine, statusLine } from '../sandbox/docker-progress.js';
import { boundsOf } from '../sandbox/limits.js';
import { StepProblem, type StepContext, type StepResult } from '../step.js';
import { engineOf } from './docker-engine-of.js';
import { withTimeout } from './script-run.js';
import { StepConfig } from './step-config.js';

/** Microseconds in which a share of the CPU is reckoned: the kernel's own period. */
const CPU_PERIOD = 100_000;

export async function buildDockerImage(context: StepContext): Promise<StepResult> {
  const config = new StepConfig(context.job.spec.step.config);
  const engine = await engineOf(context);
  const { folder, dockerfile, ignore } = await buildContext(context, config);
  const options = buildOptions(context, config, dockerfile);
  const tree = packTree(folder, { outsideLinks: 'keep', only: ignore });
  const build = (signal: AbortSignal): Promise<string | undefined> =>
    followBuild(context, engine, tree, { ...options, abortSignal: signal });
  let imageId: string | undefined;
  try {
    imageId = await withTimeout(config.seconds('timeout'), context.signal, build);
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error;
    return {
      exitCode: error.exitCode ?? 1,
      errorMessage: `the image cannot be built: ${error.message}${advice(error.message)}`,
      outputs: {},
      artifacts: [],
    };
  }
  const tags = config.optionalTexts('tags') ?? [];
  const { Id, RepoDigests } = await engine.getImage(tags[0] ?? imageId ?? '').inspect();
  const [, digest] = RepoDigests?.[0]?.split('@') ?? [];
  const outputs = { image_id: Id, tags: tags.join(','), ...(digest !== undefined && { digest }) };
  return { exitCode: 0, outputs, artifacts: [] };
}

/** Answers the id of the image, where the engine tells it. */
async function followBuild(
  context: StepContext,
  engine: Docker,
  tree: AsyncGenerator<Buffer>,
  options: Docker.ImageBuildOptions,
): Promise<string | undefined> {
  const signal = options.abortSignal!;
  const lines = new OutputLines(context.masker, (line) => context.log('stdout', line));
  let imageId: string | undefined;
  try {
    const stream = await engine.buildImage(Readable.from(tree, { objectMode: false }), options);
    await followEngine(stream, async (event) => {
      imageId = event.aux?.ID ?? imageId;
      const status = statusLine(event);
      lines.write(Buffer.from(event.stream ?? (status === undefined ? '' : `${status}\n`)));
      await context.logRoom(signal);
    });
    return imageId;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineFailure) throw error;
    throw new StepProblem(`the image cannot be built: ${(error as Error).message}`, { cause: error });
  } finally {
    lines.end();
  }
}

async function buildContext(
  { workspace }: StepContext,
  config: StepConfig,
): Promise<{ folder: string; dockerfile: string; ignore: Dockerignore }> {
  const path = config.optionalText('context') ?? '.';
  const folder = await existingInside(workspace, insideWorkspace(path, DEFAULT_WORK_DIR));
  if (folder === undefined)
    throw new StepProblem(`there is no folder ${path} in the workspace (config.context)`);
  const dockerfile = insideWorkspace(config.optionalText('dockerfile') ?? 'Dockerfile', '/');
  const read = async (name: string): Promise<string | undefined> => {
    const file = await existingInside(folder, name);
    return file === undefined ? undefined : readFile(file, 'utf8');
  };
  if ((await read(dockerfile)) === undefined)
    throw new StepProblem(
      `there is no ${dockerfile} in ${path} (config.dockerfile is looked for in config.context)`,
    );
  // A list beside the Dockerfile is for that Dockerfile alone.
  const rules = (await read(`${dockerfile}.dockerignore`)) ?? (await read('.dockerignore')) ?? '';
  return { folder, dockerfile, ignore: new Dockerignore(rules, [dockerfile, '.dockerignore']) };
}

function buildOptions(
  { executor, secrets }: StepContext,
  config: StepConfig,
  dockerfile: string,
): Docker.ImageBuildOptions {
  const args = Object.entries(config.textMap('build_args'));
  const bounds = executor instanceof DockerExecutor ? boundsOf({}, executor.settings) : undefined;
  return {
    dockerfile: posix.normalize(dockerfile),
    // Several tags are a repeated parameter, which the type does not know.
    t: (config.optionalTexts('tags') ?? []) as unknown as string,
    buildargs: Object.fromEntries(args.map(([name, value]) => [name, secrets.resolve(value)])),
    // A list that is one parameter, as JSON.
    cachefrom: JSON.stringify(config.optionalTexts('cache_from') ?? []),
    labels: config.textMap('labels'),
    target: config.optionalText('target'),
    pull: config.flag('pull'),
    nocache: config.flag('no_cache'),
    rm: true,
    forcerm: true,
    ...(bounds && { memory: bounds.memory, memswap: bounds.memory }),
    ...(bounds?.cpu !== undefined && {
      cpuperiod: CPU_PERIOD,
      cpuquota: Math.round(bounds.cpu * CPU_PERIOD),
    }),
  };
}

function advice(message: string): string {
  return /requires BuildKit|unknown flag: (mount|network|security|link)|Unknown flag/i.test(message)
    ? "; this step builds by the engine's own builder, without BuildKit's syntax: leave it out, or call docker buildx in a " +
        'step.shell_exec with docker_socket'
    : '';
}
