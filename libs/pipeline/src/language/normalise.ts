/** Makes a definition out of a document: defaults filled in, durations in seconds, scalars as texts. */
import {
  DEFAULT_BACKOFF_SECONDS,
  DEFAULT_POOL,
  DEFAULT_TIMEOUT_SECONDS,
  type Definition,
  type InputDefinition,
  type StepDefinition,
} from './definition.js';
import { child, type SourceDocument } from './document.js';
import { durationSeconds } from './duration.js';

/**
 * Reads what has the right shape and leaves the rest out, so that the checks which follow can run beside the errors of
 * shape. `sound` tells whether the value at a pointer, with all in it, has the right shape. A step whose config hasn't
 * stands in as a shell step without commands: then what refers to the step is not blamed for it.
 */
export function normalise(document: SourceDocument, sound: (pointer: string) => boolean): Definition {
  const root = mapOf(document.value);
  const defaults = mapOf(root.defaults);
  const retryDefaults = mapOf(defaults.retry);

  const envOf = (value: unknown, pointer: string): Record<string, string> =>
    textsOf(document, value, pointer);

  const readStep = (value: unknown, index: number): StepDefinition => {
    const at = `/steps/${index}`;
    const step = mapOf(value);
    const config = mapOf(step.config);
    const retry = mapOf(step.retry);
    const base = {
      name: textOf(step.name) ?? '',
      needs: listOf(step.needs).filter((need) => typeof need === 'string'),
      if: textOf(step.if) ?? null,
      matrix: sound(`${at}/matrix`) ? matrixOf(document, step.matrix, `${at}/matrix`) : {},
      env: envOf(step.env, `${at}/env`),
      pool: textOf(step.pool) ?? textOf(defaults.pool) ?? DEFAULT_POOL,
      labels: sound(`${at}/labels`) ? (mapOf(step.labels) as Record<string, string>) : {},
      timeout_seconds:
        secondsOf(config.timeout) ??
        secondsOf(step.timeout) ??
        secondsOf(defaults.timeout) ??
        DEFAULT_TIMEOUT_SECONDS,
      retry: {
        max_attempts: numberOf(retry.max_attempts) ?? numberOf(retryDefaults.max_attempts) ?? 1,
        backoff_seconds:
          secondsOf(retry.backoff) ?? secondsOf(retryDefaults.backoff) ?? DEFAULT_BACKOFF_SECONDS,
      },
      continue_on_error: step.continue_on_error === true,
    };
    if (sound(`${at}/config`) && sound(`${at}/type`) && step.type !== 'step.shell_exec') {
      return { ...base, type: step.type, config } as StepDefinition;
    }
    const { timeout: _inSeconds, ...rest } = sound(`${at}/config`) && sound(`${at}/type`) ? config : {};
    return {
      ...base,
      type: 'step.shell_exec',
      config: {
        commands: [],
        artifacts_out: [],
        artifacts_in: [],
        ...rest,
        env: envOf(rest.env, `${at}/config/env`),
      },
    };
  };

  return {
    name: textOf(root.name) ?? '',
    env: envOf(root.env, '/env'),
    inputs: sound('/on') ? inputsOf(mapOf(mapOf(mapOf(root.on).manual).inputs)) : {},
    steps: listOf(root.steps).map(readStep),
  };
}

function inputsOf(inputs: Record<string, unknown>): Record<string, InputDefinition> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => {
      const { type, required, default: fallback } = value as Partial<InputDefinition>;
      return [
        name,
        { type: type!, required: required ?? false, ...(fallback !== undefined && { default: fallback }) },
      ];
    }),
  );
}

/** Scalars as they were written, so that `3.10` doesn't become 3.1. Other values are left out. */
function textsOf(document: SourceDocument, value: unknown, pointer: string): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [key, scalar] of Object.entries(mapOf(value))) {
    const text = scalarText(document, scalar, child(pointer, key));
    if (text !== undefined) texts[key] = text;
  }
  return texts;
}

function matrixOf(document: SourceDocument, value: unknown, pointer: string): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(mapOf(value)).map(([key, values]) => [
      key,
      listOf(values).map(
        (scalar, index) => scalarText(document, scalar, `${child(pointer, key)}/${index}`) ?? '',
      ),
    ]),
  );
}

function scalarText(document: SourceDocument, scalar: unknown, pointer: string): string | undefined {
  if (typeof scalar === 'string') return scalar;
  if (typeof scalar === 'number' || typeof scalar === 'boolean')
    return document.textOf(pointer) ?? String(scalar);
  return undefined;
}

export function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function secondsOf(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? durationSeconds(value) : undefined;
}
