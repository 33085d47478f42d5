/** What a step's config and job say of its sandbox. */
import type { ServiceSpec } from '@hybrid/contracts';
import type { Script } from '../sandbox/executor.js';
import type { SandboxLimits } from '../sandbox/limits.js';
import { StepProblem, type StepContext } from '../step.js';
import type { StepConfig } from './step-config.js';

/** Network, limits and services, secrets put into the environment of services. */
export function sandboxOf(
  { job, secrets }: StepContext,
  config: StepConfig,
): Pick<Script, 'network' | 'limits' | 'services'> {
  return {
    network: config.oneOf('network', ['bridge', 'none'], 'bridge'),
    limits: limitsOf(config),
    services: job.spec.services?.map((service): ServiceSpec => ({
      ...service,
      env: resolved(service.env ?? {}, (value) => secrets.resolve(value)),
    })),
  };
}

/** The job's environment and that of the step's config, secrets put in. */
export function environmentOf({ job, secrets }: StepContext, config: StepConfig): Record<string, string> {
  return resolved({ ...job.spec.env, ...config.textMap('env') }, (value) => secrets.resolve(value));
}

function resolved(map: Record<string, string>, resolve: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, resolve(value)]));
}

function limitsOf(config: StepConfig): SandboxLimits {
  return {
    memory: config.positive('memory'),
    cpu: config.positive('cpu'),
    pids: config.positive('pids'),
    read_only: config.flag('read_only'),
    user: config.optionalText('user'),
    mounts: config.objects('mounts').map(({ source, target, read_only }) => {
      if (typeof source !== 'string' || typeof target !== 'string')
        throw new StepProblem('config.mounts must be a list of {source, target, read_only}');
      return { source, target, read_only: read_only !== false };
    }),
    docker_socket: config.flag('docker_socket'),
  };
}
