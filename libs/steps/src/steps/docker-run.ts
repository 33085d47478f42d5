/** step.docker_run: an image's own program, to its end or beside what comes after. */
import { DEFAULT_WORK_DIR } from '../files/workspace-path.js';
import { DockerExecutor } from '../sandbox/docker-executor.js';
import { startDetached } from '../sandbox/docker-detached.js';
import { StepProblem, type StepContext, type StepResult } from '../step.js';
import { environmentOf, sandboxOf } from './sandbox-config.js';
import { runScript, type StepScript } from './script-run.js';
import { StepConfig } from './step-config.js';

export async function runDockerImage(context: StepContext): Promise<StepResult> {
  const { spec } = context.job;
  const config = new StepConfig(spec.step.config);
  const image = config.text('image');
  const workDir = config.optionalText('work_dir');
  const command = config.optionalTexts('command');
  const script: StepScript = {
    program: {
      entrypoint: config.optionalTexts('entrypoint'),
      ...(command && command.length > 0 && { command }),
      inWorkspace: workDir !== undefined,
    },
    env: environmentOf(context, config),
    workDir: workDir ?? DEFAULT_WORK_DIR,
    image,
    ...sandboxOf(context, config),
  };
  if (spec.step.config['wait_for_exit'] !== false)
    return runScript(context, config, script, {
      failure: (exitCode) => `the container of ${image} exited with ${exitCode}`,
    });
  return startBeside(context, config, script);
}

async function startBeside(
  context: StepContext,
  config: StepConfig,
  script: StepScript,
): Promise<StepResult> {
  const { executor, job, workspace, scratch, signal } = context;
  if (!(executor instanceof DockerExecutor))
    throw new StepProblem('wait_for_exit: false needs an agent with --executor docker');
  if (script.services?.length)
    throw new StepProblem(
      'services end with the step: they cannot stand beside a container that is not waited for',
    );
  const seconds = config.seconds('timeout') ?? job.timeout_seconds;
  const { id, name, address } = await startDetached(
    executor,
    { ...script, jobId: job.id, attempt: job.attempt, workspace, scratch, progressFrom: () => undefined },
    seconds,
    (text) => context.log('system', text),
    signal,
  );
  context.log('system', `${name} runs on, for ${seconds} s at most`);
  return { exitCode: 0, outputs: { container_id: id, name, address }, artifacts: [] };
}
