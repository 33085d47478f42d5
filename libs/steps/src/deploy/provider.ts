/** A provider puts an image to work somewhere, with the customer's own credentials. Another place is another provider. */
import type { DockerProvider } from './docker-provider.js';
import { StepProblem } from '../step.js';

export const STRATEGIES = ['recreate', 'rolling', 'blue_green', 'canary'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface Deployment {
  /** Of one (environment, service) only one deployment is under way at a time. */
  environment: string;
  service: string;
  image: string;
  strategy: Strategy;
  /** Secrets resolved. */
  env: Record<string, string>;
  /** Without one: what has started and stays up is healthy. */
  healthCheck?: HealthCheck;
  /** Whether what failed makes room again for what ran before. */
  rollbackOnFailure: boolean;
  /** The provider's own settings. */
  settings: unknown;
  /** Id of the job. */
  id: string;
}

export interface HealthCheck {
  path: string;
  port?: number;
  intervalMs: number;
  timeoutMs: number;
  healthyThreshold: number;
  /** Checks that may fail in a row. */
  unhealthyThreshold: number;
  /** From the start; failures in it do not count. */
  startPeriodMs: number;
}

export type DeployOutcome =
  | { state: 'succeeded'; facts: Record<string, string> }
  /** `rolled_back`: what ran before runs again. `failed`: what is there now says the message. */
  | { state: 'failed' | 'rolled_back'; message: string; facts: Record<string, string> };

/** What a provider tells while it works. */
export interface DeployTold {
  log(text: string): void;
  /** A phase of the deployment, for its timeline. */
  phase(text: string): void;
  /** Aborted: what is half done is taken back, and the signal's reason is thrown. */
  signal: AbortSignal;
}

export interface Provider {
  readonly strategies: readonly Strategy[];
  /**
   * First brings to an end what a killed attempt at the same target left. Throws StepProblem, with nothing changed, for
   * what cannot be tried; what was tried and failed is an outcome.
   */
  deploy(deployment: Deployment, told: DeployTold): Promise<DeployOutcome>;
}

/** Loaded when they are asked for: the SDK of a cloud takes its time. */
const PROVIDERS: Record<string, () => Promise<Provider>> = {
  docker: async (): Promise<DockerProvider> => new (await import('./docker-provider.js')).DockerProvider(),
};

/** Throws StepProblem naming what this agent has, and what the provider can do. */
export async function providerFor(name: string, strategy: Strategy): Promise<Provider> {
  const load = Object.hasOwn(PROVIDERS, name) ? PROVIDERS[name] : undefined;
  if (!load)
    throw new StepProblem(`no provider ${name} on this agent; it has: ${Object.keys(PROVIDERS).join(', ')}`);
  const provider = await load();
  if (!provider.strategies.includes(strategy))
    throw new StepProblem(
      `the strategy ${strategy} is not yet done by the provider ${name}; it does: ${provider.strategies.join(', ')}`,
    );
  return provider;
}
