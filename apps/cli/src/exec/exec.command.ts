/** `hybrid exec`: the pipeline of the working tree, on this machine, without a control plane. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { availableParallelism, userInfo } from 'node:os';
import { join } from 'node:path';
import type { RunView } from '@hybrid/contracts';
import type { Definition } from '@hybrid/pipeline';
import {
  chooseExecutor,
  DockerExecutor,
  type Executor,
  type ExecutorChoice,
  ExecutorProblem,
  killAllGroups,
  loadSecrets,
  Masker,
  pause,
  SecretsFileError,
} from '@hybrid/steps';
import { CommandError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Output } from '../output.js';
import { exitCodeOf, silentAudience } from '../watch.command.js';
import { typedInputs } from '../typed-inputs.js';
import { plainAudience } from '../watch/plain-audience.js';
import { beginWork, execHome, ownerOf, PastRuns, sweepWork, type Work } from './exec-home.js';
import { gateKeeper } from './gates.js';
import { onInterrupt } from './interrupts.js';
import type { JobTools } from './local-job.js';
import { readLocalDefinition } from './local-definition.js';
import { LocalRun } from './local-run.js';
import { copySnapshot, placeOf, sourceOf, takeSnapshot, type Place } from './working-tree.js';

export interface ExecOptions {
  repo: string;
  file?: string;
  clean?: boolean;
  step: string[];
  input: Record<string, string>;
  env: Record<string, string>;
  secretsFile?: string;
  executor: ExecutorChoice['executor'];
  allowHost?: boolean;
  allowMounts?: string[];
  allowDockerSocket?: boolean;
  image: string;
  maxParallel?: number;
  keep?: boolean;
  yes?: boolean;
}

/** Milliseconds for the engine to remove containers when everything is to end at once. */
const LAST_SWEEP_MS = 15_000;

export async function exec(out: Output, options: ExecOptions): Promise<void> {
  const place = await placeOf(options.repo);
  if (options.clean && place.commit === undefined)
    throw new CommandError(`${place.top} has no commit that --clean could check out`, EXIT.failed);
  const definition = await readLocalDefinition(out, place, options);
  tellOfDeployments(out, definition);
  const home = execHome(process.env);
  await sweepWork(home);
  const work = await beginWork(home, randomUUID());
  try {
    const run = await execIn(out, options, { place, definition, home, work });
    if (out.format === 'json') out.json(run);
    process.exitCode = exitCodeOf(run);
  } finally {
    const kept = await work.end(options.keep === true);
    if (kept !== undefined) out.note(`workspaces are kept in ${kept}`);
  }
}

interface Setting {
  place: Place;
  definition: Definition;
  home: string;
  work: Work;
}

async function execIn(
  out: Output,
  options: ExecOptions,
  { place, definition, home, work }: Setting,
): Promise<RunView> {
  const past = new PastRuns(home, place.top, definition.name);
  const executor = await executorOf(options, work);
  const tools = await toolsOf(out, options, { executor, place, work, artifacts: past.folder });
  const run = new LocalRun({
    tools,
    audience: out.format === 'json' ? silentAudience(out.note) : plainAudience(out),
    slots: options.maxParallel ?? availableParallelism(),
    askGate: gateKeeper(out, options.yes === true),
    person: userName(),
  });
  const interrupts = onInterrupt(
    () => {
      out.note('the run is cancelled: its steps are ended; Ctrl-C again ends everything at once');
      run.cancel('interrupted');
    },
    () => void endAtOnce(executor, work),
  );
  try {
    const ended = await run.run({
      run_id: work.runId,
      pipeline: definition.name,
      pipeline_version: 0,
      definition,
      source: sourceOf(place),
      inputs: typedInputs(definition.inputs, options.input),
      previous_execution_id: await past.latest(),
    });
    await past.ended(work.runId, ended.status === 'SUCCEEDED');
    if (out.format === 'text' && ended.steps.some(({ artifacts }) => artifacts.length > 0))
      out.line(`its artifacts are in ${join(past.folder, work.runId)}`);
    if (interrupts.interrupted) throw new CommandError('interrupted', EXIT.interrupted);
    return ended;
  } catch (error) {
    await run.stopAll();
    throw error;
  } finally {
    interrupts.done();
  }
}

async function executorOf(options: ExecOptions, work: Work): Promise<Executor> {
  const { executor, allowHost = false, image, allowMounts, allowDockerSocket } = options;
  try {
    const sandbox = { allowMounts, allowDockerSocket };
    const choice = { executor, allowHost, defaultImage: image, sandbox };
    return await chooseExecutor(choice, work.jobs, () => ownerOf(work.runId));
  } catch (cause) {
    if (!(cause instanceof ExecutorProblem)) throw cause;
    throw new CommandError(cause.message, EXIT.failed, { cause });
  }
}

async function toolsOf(
  out: Output,
  options: ExecOptions,
  given: { executor: Executor; place: Place; work: Work; artifacts: string },
): Promise<JobTools> {
  const { executor, place, work, artifacts } = given;
  const secrets = await loadSecrets(options.secretsFile, process.env, out.note).catch((cause: unknown) => {
    if (!(cause instanceof SecretsFileError)) throw cause;
    throw new CommandError(cause.message, EXIT.wrongUsage, { cause });
  });
  if (!options.clean) await takeSnapshot(place, work.snapshot);
  return {
    executor,
    secrets,
    masker: new Masker(secrets.values()),
    jobs: work.jobs,
    keep: options.keep === true,
    artifacts,
    env: options.env,
    logRoom,
    checkOut: options.clean
      ? undefined
      : async (source, workspace) => {
          await copySnapshot(work.snapshot, workspace);
          return source.commit ?? '';
        },
  };
}

/** Whoever reads the output may be slower than a step writes. */
async function logRoom(): Promise<void> {
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
}

/** What the deployments service does for a step of a control plane is not done here. */
function tellOfDeployments(out: Output, { steps }: Definition): void {
  for (const step of steps) {
    if (step.type !== 'step.deploy' || step.config.provider === 'docker') continue;
    out.note(
      `${step.name} deploys by ${step.config.provider}, which needs a control plane: hybrid exec knows the provider docker alone`,
    );
  }
}

async function endAtOnce(executor: Executor, work: Work): Promise<void> {
  killAllGroups();
  const containers = executor instanceof DockerExecutor ? executor.endAll() : Promise.resolve();
  await Promise.race([containers.catch(() => undefined), pause(LAST_SWEEP_MS)]);
  await work.end(false).catch(() => undefined);
  process.exit(EXIT.interrupted);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'somebody';
  }
}
