/** step.deploy: hands an image to a provider, and says how that went. */
import { providerFor, STRATEGIES, type HealthCheck } from '../deploy/provider.js';
import { StepProblem, type StepContext, type StepResult } from '../step.js';
import { StepConfig } from './step-config.js';

export async function runDeployStep(context: StepContext): Promise<StepResult> {
  const { job, secrets, signal } = context;
  const config = new StepConfig(job.spec.step.config);
  const strategy = config.oneOf('strategy', STRATEGIES, 'recreate');
  const name = config.text('provider');
  const provider = await providerFor(name, strategy);
  const environment = config.text('environment');
  allow(environment, context.deployTo ?? []);
  const env = { ...job.spec.env, ...config.textMap('env') };
  const phase = (text: string): void => {
    context.log('system', text);
    // For the timeline alone: a deployment does not fail because nobody heard.
    context.tellProgress({ message: text }).catch(() => undefined);
  };
  const outcome = await provider.deploy(
    {
      id: job.id,
      environment,
      service: config.text('service'),
      image: config.text('image'),
      strategy,
      env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, secrets.resolve(value)])),
      healthCheck: healthCheckOf(job.spec.step.config['health_check']),
      rollbackOnFailure: job.spec.step.config['rollback_on_failure'] !== false,
      settings: settingsOf(job.spec.step.config['settings'], name),
    },
    { log: (text) => context.log('system', text), phase, signal },
  );
  const outputs = { ...outcome.facts, deployment_state: outcome.state };
  if (outcome.state === 'succeeded') return { exitCode: 0, outputs, artifacts: [] };
  return { exitCode: 1, errorMessage: outcome.message, outputs, artifacts: [] };
}

/** What is deployed outlives its step, and has more of the machine than a step: whoever runs the agent says where to. */
function allow(environment: string, allowed: readonly string[]): void {
  if (allowed.includes('*') || allowed.includes(environment)) return;
  const has = allowed.length === 0 ? 'it deploys nowhere' : `it deploys to ${allowed.join(', ')}`;
  throw new StepProblem(
    `this agent does not deploy to ${environment}; ${has}: start it with --deploy-to ${environment}, or send the step to another pool`,
  );
}

function settingsOf(settings: unknown, provider: string): unknown {
  return (settings as Record<string, unknown> | null | undefined)?.[provider];
}

/** As the definition has it, in seconds. Throws StepProblem for what no pipeline that was checked holds. */
function healthCheckOf(given: unknown): HealthCheck | undefined {
  if (given === undefined || given === null) return undefined;
  const values = given as Record<string, unknown>;
  const { path, port } = values;
  if (typeof path !== 'string' || !/^\/[\x21-\x7e]*$/.test(path))
    throw new StepProblem('config.health_check.path must be a path such as /health');
  if (port !== undefined && !(Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535))
    throw new StepProblem('config.health_check.port must be a port');
  const number = (name: string, otherwise: number, min: number): number => {
    const value = values[name] ?? otherwise;
    if (typeof value !== 'number' || !(value >= min) || !(value <= 86_400))
      throw new StepProblem(`config.health_check.${name} must be a number from ${min} to 86400`);
    return value;
  };
  return {
    path,
    ...(port !== undefined && { port: Number(port) }),
    intervalMs: number('interval_seconds', 10, 0.05) * 1000,
    timeoutMs: number('timeout_seconds', 5, 0.05) * 1000,
    healthyThreshold: number('healthy_threshold', 1, 1),
    unhealthyThreshold: number('unhealthy_threshold', 3, 1),
    startPeriodMs: number('start_period_seconds', 0, 0) * 1000,
  };
}
