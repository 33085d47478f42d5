import { fieldsOf, type FieldClass } from '@hybrid/contracts';
import { deliverySchema } from '@hybrid/delivery';
import { describe, expect, it } from '@jest/globals';
import { IsString } from 'class-validator';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { KNOWN_HEADERS } from '../edge/known-headers.js';
import { ACCESS } from '../identity/access-table.js';
import { FETCHED, READ_BY_HAND, PATH_PARAMETERS } from './boundary.fixtures.js';
import { boundaryDocument } from './boundary-document.fixtures.js';
import { schemaRows } from './delivery-fields.fixtures.js';
import { flatFields, routesOfGateway } from './ways-in.fixtures.js';

const FILE = join(import.meta.dirname, '../../../../docs/boundary.md');
const SOURCES = join(import.meta.dirname, '..');
const REFRESH = 'WRITE_DOCS=1 npm run test:unit -- boundary-document';
const routes = routesOfGateway();

describe('docs/boundary.md', () => {
  it('says what may come in', async () => {
    const wanted = await format(boundaryDocument(REFRESH), { parser: 'markdown' });
    if (process.env['WRITE_DOCS']) writeFileSync(FILE, wanted);
    if (readFileSync(FILE, 'utf8') !== wanted) throw new Error(`docs/boundary.md is behind: ${REFRESH}`);
  });

  it('knows every route', () => {
    expect(routes.map(({ name }) => name).sort()).toEqual(Object.keys(ACCESS).sort());
  });
});

describe('a way in', () => {
  const taken = routes.flatMap(({ name: route, takes }) => takes.map((one) => ({ route, ...one })));

  it('has a class and bounds for each field, however deep', () => {
    const fields = taken.flatMap(({ type }) =>
      type ? flatFields(type).map((field) => ({ of: type.name, ...field })) : [],
    );
    expect(fields.length).toBeGreaterThan(200);
    const careless = fields.filter(({ note }) => !note?.class || !note.bounds);
    expect(careless.map(({ of, path }) => `${of}.${path}`)).toEqual([]);
  });

  it('is a DTO, a text of the tables, or a body that is described', () => {
    const others = taken.filter(({ type }) => !type);
    const unknown = others.filter(({ route, from, name = '' }) => {
      if (from === 'path') return !(name in PATH_PARAMETERS);
      if (from === 'header') return !(name in KNOWN_HEADERS);
      return from !== 'body' || !(route in READ_BY_HAND);
    });
    expect(unknown).toEqual([]);
  });

  it('is a handler that says what it takes: nothing else is read, but what is described', () => {
    expect(filesWith(/\brequest\.(body|query)\b/)).toEqual(['registry/artifacts.controller.ts']);
    expect(filesWith(/\.searchParams\.get\b/)).toEqual(['sign-in/sign-in.controller.ts']);
    expect(filesWith(/\brawBody\b/)).toEqual(['identity/signed-agents.ts', 'open-gateway.ts']);
  });

  it('that we ask for is described too', () => {
    const asking = filesWith(/from 'node:https'|from 'openid-client'|await fetch\(/);
    // What the providers share; it asks nobody itself.
    const shared = 'sign-in/providers/provider.ts';
    expect(asking.filter((file) => file !== shared)).toEqual(Object.keys(FETCHED).sort());
  });
});

describe('a field', () => {
  class Careless {
    @IsString()
    text!: string;
  }

  it('without a class is seen', () => {
    expect(fieldsOf(Careless)).toEqual([{ name: 'text', note: null }]);
  });

  const closed = { type: 'object', additionalProperties: false };
  const text = { type: 'string', maxLength: 3, 'x-class': 'metadata' as FieldClass };
  it.each<[string, Parameters<typeof schemaRows>[0]]>([
    ['a class', { ...closed, properties: { a: { ...text, 'x-class': undefined } } }],
    ['bounds', { ...closed, properties: { a: { ...text, maxLength: undefined } } }],
    ['an end of its list', { ...closed, properties: { a: { type: 'array', items: text } } }],
    ['an end of its map', { ...closed, properties: { a: { type: 'object', additionalProperties: text } } }],
    ['a schema', { ...closed, properties: { a: {} } }],
    ['neighbours that are closed', { type: 'object', properties: { a: text } }],
  ])('of a delivery without %s is seen', (_, schema) => {
    expect(() => schemaRows(schema)).toThrow(/^(a|a\[\]|the schema) /);
  });

  it('of a delivery has all of that', () => {
    expect(schemaRows(deliverySchema).map(({ field }) => field)).toContain('metadata.branch');
  });
});

/** Sources of the gateway, without specs, that match. */
function filesWith(pattern: RegExp): string[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /^.*(?<!\.spec|\.fixtures)\.ts$/.test(file))
    .filter((file) => pattern.test(readFileSync(join(SOURCES, file), 'utf8')))
    .sort();
}
