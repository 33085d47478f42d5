import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { netZeroExample } from './example.js';
import { netZeroSchema } from './net-zero.schema.js';

type Schema = Record<string, unknown>;

function within(schema: unknown, path = ''): [string, Schema][] {
  if (typeof schema !== 'object' || schema === null) return [];
  const inner = Object.entries(schema).flatMap(([key, value]) =>
    key.startsWith('x-') || key === 'examples' ? [] : within(value, `${path}/${key}`),
  );
  return Array.isArray(schema) ? inner : [[path, schema as Schema], ...inner];
}

describe('the schema of a net-zero configuration', () => {
  const all = within(netZeroSchema);
  const root = join(import.meta.dirname, '../../..');

  it('is what config/schemas has: `hybrid config schema > config/schemas/net-zero.schema.json`', () => {
    const stored = readFileSync(join(root, 'config/schemas/net-zero.schema.json'), 'utf8');
    expect(JSON.parse(stored)).toEqual(JSON.parse(JSON.stringify(netZeroSchema)));
  });

  it('comes with the example that `hybrid config init` writes', () => {
    expect(readFileSync(join(root, 'config/net-zero.example.yaml'), 'utf8')).toBe(netZeroExample);
  });

  it('has examples that it takes itself', () => {
    const ajv = new Ajv({ strict: false });
    const wrong = all.flatMap(([path, schema]) =>
      ((schema['examples'] ?? []) as unknown[]).flatMap((example) =>
        ajv.validate(schema, example) ? [] : [`${path}: ${JSON.stringify(example)}`],
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('is closed and bounded everywhere', () => {
    const open = all.flatMap(([path, schema]) => {
      const types = [schema['type']].flat();
      const closed = !schema['properties'] || schema['additionalProperties'] !== undefined || schema['allOf'];
      const isText = types.includes('string') && !schema['enum'] && !schema['pattern'];
      const bounded = !isText || schema['maxLength'] !== undefined;
      const short = !types.includes('array') || schema['maxItems'] !== undefined;
      return (closed || path.endsWith('/if')) && bounded && short ? [] : [path];
    });
    expect(open).toEqual([]);
  });

  it('has every key in docs/net-zero.md', () => {
    const page = readFileSync(join(root, 'docs/net-zero.md'), 'utf8');
    const keys = new Set(
      all.flatMap(([path, { properties }]) =>
        path.startsWith('/properties/queue') || path.startsWith('/properties/decisions')
          ? []
          : Object.keys((properties ?? {}) as Schema),
      ),
    );
    expect(keys.size).toBeGreaterThan(40);
    expect([...keys].filter((key) => !page.includes(`\`${key}\``))).toEqual([]);
  });
});
