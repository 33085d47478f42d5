/** Runs one step from its checkout to its result, whoever asks: an agent for the control plane, or `hybrid exec`. */
import { placeArtifacts, pullArtifact, pushArtifact } from './steps/artifact-steps.js';
import { buildDockerImage } from './steps/docker-build.js';
import { pushDockerImage } from './steps/docker-push.js';
import { runDockerImage } from './steps/docker-run.js';
import { runPlugin } from './steps/plugin.js';
import { runDeployStep } from './steps/deploy-step.js';
import { runScanStep } from './steps/scan-step.js';
import { runShellStep } from './steps/shell-step.js';
import { commitFacts } from './source/commit-facts.js';
import { checkOut } from './source/git-checkout.js';
import { publicName } from './source/repository.js';
import { StepProblem, type StepContext, type StepResult } from './step.js';
import { withoutTrust } from './untrusted.js';

const STEP_TYPES: Record<string, (context: StepContext) => Promise<StepResult>> = {
  'step.shell_exec': runShellStep,
  'step.plugin': runPlugin,
  'step.docker_build': buildDockerImage,
  'step.docker_push': pushDockerImage,
  'step.docker_run': runDockerImage,
  'step.artifact_push': pushArtifact,
  'step.artifact_pull': pullArtifact,
  'step.scan_sast': runScanStep,
  'step.scan_container': runScanStep,
  'step.scan_deps': runScanStep,
  'step.deploy': runDeployStep,
};

/** Throws StepProblem where the step could not be run, or the reason of the signal. */
export async function runStep(given: StepContext): Promise<StepResult> {
  const context = given.job.spec.untrusted ? withoutTrust(given) : given;
  const { spec } = context.job;
  const run = Object.hasOwn(STEP_TYPES, spec.step.type) ? STEP_TYPES[spec.step.type] : undefined;
  if (!run)
    throw new StepProblem(
      `this version cannot run steps of type ${spec.step.type}: it knows ${Object.keys(STEP_TYPES).join(', ')}`,
    );
  if (spec.source && context.checkOut) {
    given.commit = context.commit = await context.checkOut(spec.source, context.workspace);
  } else if (spec.source) {
    const { workspace, scratch, sources: settings, signal } = context;
    const log = (text: string): void => context.log('system', text);
    given.commit = context.commit = await checkOut({
      source: spec.source,
      workspace,
      scratch,
      settings,
      log,
      signal,
    });
    context.log('system', `checked out ${context.commit} of ${publicName(spec.source.repository)}`);
  }
  if (context.commit && spec.step.type === 'step.plugin')
    context.commitFacts = await commitFacts(context.workspace, context.scratch, context.signal);
  await placeArtifacts(context);
  return run(context);
}
