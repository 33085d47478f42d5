import { cpuMs } from '@hybrid/testing';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { pipelineSchema, templateSchema } from './definition.schema.js';
import { stepTypes } from './step-types.js';

type Schema = Record<string, unknown>;

/** Every schema within one, with the way to it. */
function within(schema: unknown, path = ''): [string, Schema][] {
  if (typeof schema !== 'object' || schema === null) return [];
  const inner = Object.entries(schema).flatMap(([key, value]) =>
    key.startsWith('x-') || key === 'examples' ? [] : within(value, `${path}/${key}`),
  );
  return Array.isArray(schema) ? inner : [[path, schema as Schema], ...inner];
}

describe('the published schema', () => {
  const all = [pipelineSchema, templateSchema].flatMap((schema) => within(schema));

  it('is JSON Schema draft-07 that any validator takes', () => {
    const plain = new Ajv({ strict: false });
    expect(plain.validateSchema(pipelineSchema)).toBe(true);
    expect(plain.compile(pipelineSchema)({ name: 'p', steps: [{ name: 'a', uses: './x.yaml' }] })).toBe(true);
  });

  it('says of every key of a pipeline and a step what it is for', () => {
    const keys = all.flatMap(([path, { properties }]) =>
      path.includes('/if')
        ? []
        : Object.entries((properties ?? {}) as Record<string, Schema>).map(
            ([key, value]) => [`${path}/${key}`, value] as const,
          ),
    );
    expect(keys.length).toBeGreaterThan(100);
    expect(keys.flatMap(([path, { description }]) => (description === undefined ? [path] : []))).toEqual([]);
  });

  it('has examples that it takes itself', () => {
    const ajv = new Ajv({ strict: false });
    const wrong = all.flatMap(([path, schema]) =>
      ((schema.examples ?? []) as unknown[]).flatMap((example) =>
        ajv.validate(schema, example) ? [] : [`${path}: ${JSON.stringify(example)}`],
      ),
    );
    expect(wrong).toEqual([]);
    expect(Object.values(stepTypes).filter(({ examples }) => examples === undefined)).toEqual([]);
  });

  it('has no pattern that takes more than linear time', () => {
    const patterns = [
      ...new Set(all.flatMap(([, { pattern }]) => (typeof pattern === 'string' ? [pattern] : []))),
    ];
    expect(patterns.length).toBeGreaterThan(5);
    const units = ['a', '0', '-', '/a', './', 'a:', '/a:/', '.', ' ', '0m', 'a.', 'docker://', '{{', '\n'];
    for (const pattern of patterns) {
      // A star or plus over something that repeats itself is what backtracks.
      expect(pattern).not.toMatch(/[*+}]\)[*+]/);
      const regExp = new RegExp(pattern, 'u');
      const took = cpuMs(() => {
        for (const unit of units) {
          regExp.test(unit.repeat(100_000));
          regExp.test(`${unit.repeat(100_000)}!`);
        }
      });
      expect(took).toBeLessThan(2_000);
    }
  });
});
