import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { TOOLS } from '@hybrid/contracts';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { readTool } from './read-tool.js';
import { toolSchema } from './tool-config.schema.js';
import { toolFrom, toolText } from './tools.fixtures.js';

const SCHEMA = join(import.meta.dirname, '../../../config/schemas/webhook-tool.schema.json');

const lines = (text: string): string[] =>
  (readTool(text).errors ?? []).map(({ line, column, message }) => `${line}:${column} ${message}`);

describe('the configurations that come with a relay', () => {
  it.each(TOOLS)('%s is sound', (tool) => {
    expect(toolFrom(toolText(tool))).toMatchObject({ version: 1, tool });
  });

  it('have their schema for editors: WRITE_SCHEMAS=1 npm run test:unit -- libs/webhooks, npm run format', () => {
    if (process.env['WRITE_SCHEMAS']) writeFileSync(SCHEMA, `${JSON.stringify(toolSchema, null, 2)}\n`);
    expect(JSON.parse(readFileSync(SCHEMA, 'utf8'))).toEqual(JSON.parse(JSON.stringify(toolSchema)));
  });

  it('have every key in docs/webhooks.md', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/webhooks.md'), 'utf8');
    const missing = [...new Set(keysOf(toolSchema))].filter((key) => !page.includes(`\`${key}\``));
    expect(missing).toEqual([]);
  });
});

function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) => [
    ...(key === 'properties' ? Object.keys(value as object) : []),
    ...keysOf(value),
  ]);
}

const small = `version: 1
revision: 3
tool: gitea
event: { header: x-gitea-event }
events:
  push:
    event: push
    kind: push
    metadata:
      repository: /repository/full_name
      branch: { from: /ref, strip: refs/heads/ }
      author: /sender/login
environments:
  staging:
    ignore: [fork]
    events:
      push:
        metadata: { author: null, branch: /branch }
      again: null
      more: { event: create, kind: other }
`;

describe('environments', () => {
  it('lay what differs over the rest, and take away what is null', () => {
    const { events, ignore } = toolFrom(small, 'staging');
    expect(ignore).toEqual(['fork']);
    expect(events).toEqual({
      push: {
        event: 'push',
        kind: 'push',
        metadata: { repository: '/repository/full_name', branch: '/branch' },
      },
      more: { event: 'create', kind: 'other', metadata: {} },
    });
  });

  it('that are not named have the rest', () => {
    const { environments: _, ...base } = { environments: undefined, ...toolFrom(small) };
    expect(toolFrom(small, 'production')).toEqual(base);
    expect(Object.keys(base.events)).toEqual(['push']);
    expect(base).not.toHaveProperty('ignore');
  });

  it('are checked whichever is asked for', () => {
    expect(lines(small.replace('branch: /branch', 'branch: null'))).toEqual([
      '18:9 `metadata.branch` is missing: kind push needs it',
    ]);
    expect(lines(small.replace('event: create, kind: other', 'event: create'))).toEqual([
      '20:13 there is no such event above, so `event` and `kind` must stand here',
    ]);
  });
});

describe('errors have their place', () => {
  it.each([
    ['not YAML', small.replace('tool: gitea', 'tool: [gitea'), /^\d+:\d+ not YAML/],
    [
      'an unknown key',
      small.replace('author:', 'autor:'),
      /^12:7 unknown key `autor`; did you mean `author`\?/,
    ],
    ['an unknown tool', small.replace('gitea\n', 'github2\n'), /^3:7 must be one of github/],
    ['another version', small.replace('version: 1', 'version: 2'), /^1:10 /],
    ['no pointer', small.replace('/sender/login', 'sender.login'), /^12:15 must be a JSON Pointer/],
    ['no fork', small.replace('kind: push', 'kind: pull_request'), /^7:5 `metadata.pull_request` is missing/],
    [
      'an item without a list',
      small.replace('/sender/login', './login'),
      /^7:5 a pointer with a leading dot begins at an item of `each`/,
    ],
    [
      'a test without a place',
      small.replace('    kind: push', '    kind: push\n    when: { is: 1 }'),
      /^9:11 one of `at` and `count` is wanted/,
    ],
    [
      'a test that asks nothing',
      small.replace('    kind: push', '    kind: push\n    when: [{ at: /a }]'),
      /^9:12 one of is, begins, same, below, there is wanted/,
    ],
    [
      'a signature of its own',
      `${small}signature: { header: x, algorithm: sha256, encoding: hex }\n`,
      /^\d+:12 `signature` is for the tool hmac/,
    ],
    ['no signature', small.replace('gitea\n', 'hmac\n'), /^3:7 webhooks of the tool hmac need `signature`/],
    ['__proto__', small.replace('push:\n    event', '__proto__:\n    event'), /`__proto__` cannot be a key/],
  ])('%s', (_, text, expected) => {
    expect(lines(text)[0]).toMatch(expected);
  });

  it.each([
    ['(a+)+', 'groups'],
    ['(?:a|a)*', 'groups'],
    ['a*a*a*a*', 'at most 3'],
    ['[a-z', 'no regular expression'],
    ['\\1', 'no regular expression'],
  ])('of the pattern %s', (pattern, expected) => {
    const attributes = `    metadata:\n      attributes: { a: { from: /a, max: 9, pattern: '${pattern}' } }\n`;
    expect(lines(small.replace('    metadata:\n', attributes))[0]).toMatch(
      new RegExp(`^10:\\d+ .*${expected}`),
    );
  });

  it('a pattern with brackets that are not groups is fine', () => {
    const attributes = `    metadata:\n      attributes: { a: { from: /a, max: 9, pattern: '[(*+]\\(\\d{1,3}' } }\n`;
    expect(lines(small.replace('    metadata:\n', attributes))).toEqual([]);
  });
});

describe('whatever the text is', () => {
  it('there is an answer', () => {
    const cut = fc
      .tuple(
        fc.constantFrom(...TOOLS),
        fc.nat(4_000),
        fc.nat(200),
        fc.string({ unit: 'binary', maxLength: 5 }),
      )
      .map(([tool, at, length, insert]) => {
        const text = toolText(tool);
        return text.slice(0, at) + insert + text.slice(at + length);
      });
    const property = fc.property(cut, (text) => {
      const { tool, errors } = readTool(text, 'staging');
      expect(tool === undefined).toBe(errors !== undefined);
    });
    fc.assert(property, { seed: specSeed(), numRuns: 60 });
  });
});
