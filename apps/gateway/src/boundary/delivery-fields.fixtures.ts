import type { FieldClass } from '@hybrid/contracts';
import type { Row } from './boundary.fixtures.js';

interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  propertyNames?: Schema;
  items?: Schema;
  const?: unknown;
  enum?: unknown[];
  maxItems?: number;
  maxProperties?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  'x-class'?: FieldClass;
  'x-rule'?: string;
}

/** Fields of a closed JSON Schema. @throws Error naming one that is open, without bounds or without a class. */
export function schemaRows(schema: Schema, path = ''): Row[] {
  const { properties, items, additionalProperties: others } = schema;
  const fail = (what: string): never => {
    throw new Error(`${path || 'the schema'} ${what}`);
  };
  if (properties) {
    if (others !== false) fail('takes fields that nobody named');
    return Object.entries(properties).flatMap(([name, inner]) =>
      schemaRows(inner, path ? `${path}.${name}` : name),
    );
  }
  if (items) {
    if (schema.maxItems === undefined) fail('is a list without an end');
    return within(schemaRows(items, `${path}[]`), `at most ${schema.maxItems}`);
  }
  if (typeof others === 'object') {
    if (schema.maxProperties === undefined || schema.propertyNames?.maxLength === undefined)
      fail('is a map without an end');
    return within(schemaRows(others, `${path}.*`), `at most ${schema.maxProperties}`);
  }
  const bounds = boundsOf(schema) ?? fail('has no bounds');
  return [{ field: path, class: schema['x-class'] ?? fail('has no class'), bounds, what: '' }];
}

function within(rows: Row[], list: string): Row[] {
  return rows.map((row) => ({ ...row, bounds: `${list}, each ${row.bounds}` }));
}

function boundsOf(schema: Schema): string | undefined {
  const { type, const: only, enum: words, maxLength, minimum, maximum, 'x-rule': rule } = schema;
  if (only !== undefined) return `always ${JSON.stringify(only)}`;
  if (words) return `one of ${words.join(', ')}`;
  if (type === 'boolean') return 'true or false';
  if (type === 'integer' && minimum !== undefined && maximum !== undefined)
    return `whole number, ${minimum.toLocaleString('en')} to ${maximum.toLocaleString('en')}`;
  if ([type].flat().includes('string') && maxLength !== undefined)
    return `text, at most ${maxLength} characters${rule ? `: ${rule}` : ''}`;
  return undefined;
}
