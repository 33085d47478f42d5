/** Every key of the language is in a scenario, so that each is seen to work in the whole system. */
import { pipelineSchema, stepTypes } from '@hybrid/pipeline';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { scenarios } from './scenario/scenario.js';

type Schema = Record<string, unknown>;

describe('the scenarios', () => {
  it('use every key of the language', () => {
    const pipelines = scenarios.map(({ definition }) => parse(definition, { merge: true }) as unknown);
    const missing = unused(pipelineSchema, pipelines, '');
    const steps = pipelines.flatMap((pipeline) => valuesOf(pipeline, 'steps')).flat();
    for (const [type, schema] of Object.entries(stepTypes)) {
      const configs = steps
        .filter((step) => valuesOf(step, 'type')[0] === type)
        .map((step) => valuesOf(step, 'config')[0]);
      missing.push(...unused(schema, configs, type));
    }
    expect(missing).toEqual([]);
  });
});

/** Keys that the schema knows and none of the values has. */
function unused(schema: Schema, values: unknown[], path: string): string[] {
  const missing: string[] = [];
  const elements = values.filter(Array.isArray).flat() as unknown[];
  const { properties = {}, items, additionalProperties } = schema as Record<string, Schema | undefined>;
  for (const [key, inner] of Object.entries(properties) as [string, Schema][]) {
    const at = path === '' ? key : `${path}.${key}`;
    // Where both a map and a list of maps can be written, either will do.
    const found = [...values, ...elements].flatMap((value) => valuesOf(value, key));
    if (found.length === 0) missing.push(at);
    else missing.push(...unused(inner, found, at));
  }
  if (typeof items === 'object' && elements.length > 0) missing.push(...unused(items, elements, `${path}[]`));
  const known = Object.keys(properties);
  const others = values.flatMap((value) =>
    isMap(value) ? Object.entries(value).flatMap(([key, inner]) => (known.includes(key) ? [] : [inner])) : [],
  );
  if (typeof additionalProperties === 'object' && others.length > 0)
    missing.push(...unused(additionalProperties, others, `${path}.*`));
  return [...new Set(missing)];
}

function valuesOf(value: unknown, key: string): unknown[] {
  return isMap(value) && key in value ? [value[key]] : [];
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
