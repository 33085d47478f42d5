import type { Delivery } from '@hybrid/contracts';
import { deliverySchema, METADATA_MAX_BYTES } from '@hybrid/delivery';
import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { AT_MOST, budget, MAX_PATH_STEPS, MAX_STEPS, tooMuchWork } from './bounds.js';
import type { RouteCondition, Routes, RouteRule } from './net-zero.js';
import { readNetZero } from './read-net-zero.js';
import { explainRoute } from './route.js';

/** Each begins anew at every character, and none is like another. */
const COSTLY = [
  (nth: number) => `${nth}${'*a'.repeat(100)}b`,
  (nth: number) => `{*,a*}{*,a*}{*,a*}{*,a*}{*,a*}${nth}`,
  (nth: number) => `${'**/'.repeat(60)}${nth}`,
  (nth: number) => `*${'[!b-cd-ef-gh-ij-kl-m]'.repeat(10)}${nth}`,
  (nth: number) => `!**/*.${nth}`,
];
const TEXTS = ['branch', 'labels'] as const;

/** As many rules with such patterns as are let pass, or 200. */
function asManyAs(of: (nth: number) => string, condition: keyof RouteCondition): RouteRule[] {
  const rules = Array.from({ length: 200 }, (_, nth): RouteRule => ({
    name: `r${nth}`,
    when: { [condition]: [of(nth)] },
    then: { do: 'ignore' },
  }));
  return rules.slice(0, tooMuchWork(rules)?.rule);
}

/** The longest that there can be, which suits them all. */
function longest(): Delivery {
  const a = (length: number) => 'a'.repeat(length);
  const paths = Array.from({ length: 70 }, (_, nth) => `${nth}`.padEnd(490, 'a'));
  const labels = Array.from({ length: 40 }, (_, nth) => `${nth}`.padEnd(100, 'a'));
  const metadata = { repository: a(300), branch: a(250), author: a(100), labels, paths };
  expect(JSON.stringify(metadata).length).toBeGreaterThan(METADATA_MAX_BYTES);
  return {
    ...{ v: 1, id: '', relay_id: '', source: a(100), tool: 'github', kind: 'push', event: a(100) },
    ...{ action: null, delivery: null, received_at: '2026-01-02T03:04:05Z', metadata },
    payload: { bytes: 1, keyed_sha256: a(64), key_id: 'k' },
  };
}

const config = (routes: Routes) =>
  stringify({
    ...{ version: 1, name: 'a', environment: 'test', queue: { kind: 'directory', path: '/queue' } },
    routes,
  });

describe('the work that one event is to all rules together', () => {
  it.each(TEXTS.flatMap((text) => COSTLY.map((of) => [text, of] as const)))(
    'is bounded for %s and as many of %s as pass',
    (condition, of) => {
      const rules = asManyAs(of, condition);
      expect(rules.length).toBeGreaterThan(0);
      const left = budget();
      explainRoute(longest(), { match: 'all', rules }, left);
      expect(left.texts.left).toBeGreaterThanOrEqual(0);
      expect(left.texts.left).toBeLessThan(MAX_STEPS);
      expect(left.paths.left).toBe(MAX_PATH_STEPS);
    },
  );

  it.each(COSTLY)('is bounded for paths, which fit where it does not suffice: %s', (of) => {
    const rules = asManyAs(of, 'paths');
    const left = budget();
    const { asked } = explainRoute(longest(), { match: 'all', rules }, left);
    expect(left.paths.left).toBeGreaterThan(-10_000);
    if (left.paths.left < 0)
      expect(asked.at(-1)).toMatchObject({
        fits: true,
        conditions: [{ why: expect.stringContaining('too many paths and patterns') as unknown }],
      });
  });

  it('is nothing to rules that people write', () => {
    const rules = Array.from({ length: 150 }, (_, nth): RouteRule => ({
      name: `r${nth}`,
      when: {
        ...{ repository: ['acme/*', '!acme/old-*'], branch: ['main', 'release/**', '!release/0.*'] },
        ...{ labels: ['deploy'], paths: [`services/s${nth}/**`, '!**/*.md'] },
      },
      then: { do: 'run', pipeline: 'web' },
    }));
    expect(tooMuchWork(rules)).toBeNull();
    const event = longest();
    const paths = Array.from({ length: 60 }, (_, nth) => `services/s${nth}/src/components/button.tsx`);
    const left = budget();
    explainRoute({ ...event, metadata: { ...event.metadata, paths } }, { match: 'all', rules }, left);
    expect(left.paths.left).toBeGreaterThan(0);
  });

  it('is looked at when the configuration is read', () => {
    const rules = asManyAs(COSTLY[0]!, 'branch');
    expect(readNetZero(config({ match: 'all', rules }), { part: 'control-plane' })).toHaveProperty('config');
    const more: RouteRule = { name: 'more', when: { branch: [COSTLY[0]!(999)] }, then: { do: 'ignore' } };
    expect(readNetZero(config({ match: 'all', rules: [...rules, more] }), { part: 'whole' })).toMatchObject({
      errors: [
        {
          path: `routes.rules[${rules.length}].when.branch`,
          message: expect.stringContaining('too much work') as unknown,
          line: expect.any(Number) as unknown,
        },
      ],
    });
  });

  it('is counted for texts as long as deliveries may have', () => {
    type Field = { maxLength?: number; maxItems?: number; items?: Field; enum?: readonly string[] };
    const { properties } = deliverySchema as { properties: Record<string, Field> };
    const { metadata } = properties as unknown as { metadata: { properties: Record<string, Field> } };
    const sizeOf = ({ maxLength, maxItems = 1, items, enum: words }: Field): number =>
      items ? maxItems * sizeOf(items) : (maxLength ?? Math.max(...words!.map(({ length }) => length)));
    for (const [name, { characters }] of Object.entries(AT_MOST)) {
      const field = (metadata.properties[name] ?? properties[name])!;
      expect([name, characters]).toEqual([name, name === 'paths' ? sizeOf(field.items!) : sizeOf(field)]);
    }
  });
});
