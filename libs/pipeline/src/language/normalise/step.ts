/** Makes a step out of what was written. */
import type { CacheSpec, Priority, ServiceSpec } from '@hybrid/contracts';
import {
  DEFAULT_BACKOFF_SECONDS,
  DEFAULT_POOL,
  DEFAULT_TIMEOUT_SECONDS,
  type RetryPolicy,
  type StepDefinition,
} from '../definition.js';
import { child, type SourceDocument } from '../document.js';
import { stepTypes, type StepType } from '../step-types.js';
import { configOf, pluginOf } from './config.js';
import { matrixOf } from './matrix.js';
import {
  commandOf,
  flagOf,
  listOf,
  mapOf,
  numberOf,
  numbersOf,
  present,
  scalarsOf,
  secondsOf,
  textOf,
  textsOf,
  type RawMap,
} from './raw.js';

const PLUGIN = 'docker://';

/**
 * A step whose type or config isn't sound stands in as a shell step without commands: then what refers to the step is
 * not blamed for it.
 */
export function stepOf(
  document: SourceDocument,
  index: number,
  defaults: RawMap,
  sound: (pointer: string) => boolean,
): StepDefinition {
  const at = `/steps/${index}`;
  const step = mapOf(listOf(mapOf(document.value).steps)[index]);
  const config = mapOf(step.config);
  const forgiven = numbersOf(mapOf(step.allow_failure).exit_codes);
  const base = present({
    name: textOf(step.name) ?? '',
    needs: textsOf(step.needs),
    if: textOf(step.if) ?? null,
    ...(sound(`${at}/matrix`) ? matrixOf(document, step.matrix, `${at}/matrix`) : { matrix: {} }),
    parallel: numberOf(step.parallel),
    max_parallel: numberOf(step.max_parallel),
    fail_fast: flagOf(step.fail_fast),
    env: scalarsOf(document, step.env, `${at}/env`),
    pool: textOf(step.pool) ?? textOf(defaults.pool) ?? DEFAULT_POOL,
    labels: {
      ...scalarsOf(document, defaults.labels, '/defaults/labels'),
      ...scalarsOf(document, step.labels, `${at}/labels`),
    },
    priority: (textOf(step.priority) ?? textOf(defaults.priority))?.toUpperCase() as Priority | undefined,
    timeout_seconds:
      (step.type === 'step.gate' ? undefined : secondsOf(config.timeout)) ??
      secondsOf(step.timeout) ??
      secondsOf(defaults.timeout) ??
      DEFAULT_TIMEOUT_SECONDS,
    queue_timeout_seconds: secondsOf(step.queue_timeout),
    retry: retryOf(step.retry, defaults.retry),
    continue_on_error:
      step.continue_on_error === true || step.allow_failure === true || forgiven !== undefined,
    forgiven_exit_codes: forgiven,
    concurrency: concurrencyOf(step.concurrency),
    services: step.services === undefined ? undefined : servicesOf(document, step.services, `${at}/services`),
    caches: step.cache === undefined ? undefined : [step.cache].flat().map(cacheOf),
    test_reports: step.test_reports === undefined ? undefined : textsOf(step.test_reports),
    dynamic: flagOf(step.dynamic),
  });
  const written = { document, config, at: `${at}/config`, defaultImage: textOf(defaults.image) };
  const isSound = sound(`${at}/config`) && sound(`${at}/type`) && sound(`${at}/uses`);
  const uses = textOf(step.uses);
  if (isSound && uses?.startsWith(PLUGIN) && step.type === undefined) {
    const plugin = pluginOf(uses.slice(PLUGIN.length), mapOf(step.with), written);
    return { ...base, type: 'step.plugin', config: plugin };
  }
  if (isSound && uses === undefined && Object.hasOwn(stepTypes, String(step.type))) {
    const type = step.type as StepType;
    return { ...base, type, config: configOf(type, written) } as StepDefinition;
  }
  return {
    ...base,
    type: 'step.shell_exec',
    config: { commands: [], env: {}, artifacts_out: [], artifacts_in: [] },
  };
}

function retryOf(value: unknown, fallback: unknown): RetryPolicy {
  const read = (retry: unknown): Partial<RetryPolicy> => {
    // A number counts the retries, as in other systems.
    if (typeof retry === 'number') return { max_attempts: retry + 1 };
    const { max_attempts, backoff, factor, max_backoff, exit_codes } = mapOf(retry);
    return present({
      max_attempts: numberOf(max_attempts),
      backoff_seconds: secondsOf(backoff),
      backoff_factor: numberOf(factor),
      max_backoff_seconds: secondsOf(max_backoff),
      exit_codes: numbersOf(exit_codes),
    });
  };
  return { max_attempts: 1, backoff_seconds: DEFAULT_BACKOFF_SECONDS, ...read(fallback), ...read(value) };
}

function concurrencyOf(value: unknown): StepDefinition['concurrency'] {
  if (value === undefined) return undefined;
  const { group, limit } = mapOf(value);
  return { group: textOf(value) ?? textOf(group) ?? '', limit: numberOf(limit) ?? 1 };
}

function servicesOf(document: SourceDocument, value: unknown, pointer: string): ServiceSpec[] {
  const read = (service: unknown, name: string, at: string): ServiceSpec => {
    const { image, env, command, ready, ready_timeout } = mapOf(service);
    return present<ServiceSpec>({
      name,
      image: textOf(service) ?? textOf(image) ?? '',
      env: env === undefined ? undefined : scalarsOf(document, env, `${at}/env`),
      command: commandOf(command),
      ready: commandOf(ready),
      ready_timeout_seconds: secondsOf(ready_timeout),
    });
  };
  if (Array.isArray(value)) {
    return value.map((service, index) =>
      read(service, textOf(mapOf(service).name) ?? '', `${pointer}/${index}`),
    );
  }
  return Object.entries(mapOf(value)).map(([name, service]) => read(service, name, child(pointer, name)));
}

function cacheOf(value: unknown): CacheSpec {
  const { key, paths, restore_keys } = mapOf(value);
  return present<CacheSpec>({
    key: textOf(key) ?? '',
    paths: textsOf(paths),
    restore_keys: restore_keys === undefined ? undefined : textsOf(restore_keys),
  });
}
