/** Whatever the text is: no throw, an answer in time, errors that have a place. The seed is printed; SPEC_SEED repeats it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { cpuMs, specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { ConditionError } from './cel.js';
import { evaluateCondition, parseCondition, type ConditionValues } from './condition.js';
import { pipelineSchema } from './definition.schema.js';
import { graphDot, graphMermaid, graphText } from './graph-drawing.js';
import { readAppendedSteps } from './appended-steps.js';
import { readPipeline } from './read-pipeline.js';
import { parseTemplate, render, TemplateError } from './template.js';
import { namedFiles } from './uses/named-files.js';
import { rewriteCondition } from './uses/rewrite-condition.js';

/** The promise is a second; the machine that runs the specs may be busy. */
const LIMIT_MS = 5_000;
const seed = specSeed();
const root = join(import.meta.dirname, '../../../..');

const docs = readFileSync(join(root, 'docs/pipelines.md'), 'utf8');
const corpus = [
  ...[...docs.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, yaml]) => yaml!),
  ...readdirSync(join(root, 'examples'))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(root, 'examples', name), 'utf8')),
];

/** Every word of the language, so that random trees come near to right ones. */
const words = [...new Set(keysOf(pipelineSchema))];

function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) => {
    if (key === 'properties')
      return [...Object.keys(value as object), ...keysOf(Object.values(value as object))];
    if (key === 'enum' && Array.isArray(value)) return value.map(String);
    return keysOf(value);
  });
}

const TEXTS = [
  '{{.Inputs.x}}',
  '{{.Secrets.X}}',
  '{{.Steps.a.outputs.b}}',
  "{{hashFiles 'a'}}",
  '{{',
  '__proto__',
  'constructor',
  './a.yaml',
  'docker://x',
  'a',
  '30s',
  '0 3 * * *',
  "steps.a.status == 'failed'",
  'always()',
  '[].x',
  '**/*',
  '',
  '\u0000',
  '\u{1f4a5}',
];

function inTime<T>(run: () => T): T {
  let result!: T;
  expect(cpuMs(() => (result = run()))).toBeLessThan(LIMIT_MS);
  return result;
}

/** What every answer must keep. */
function read(text: string): void {
  const files = { 'a.yaml': text };
  const result = inTime(() => readPipeline(text, files));
  if ('errors' in result) {
    expect(result.errors.length).toBeGreaterThan(0);
    expect(result.errors.length).toBeLessThanOrEqual(101);
    for (const { message, line, column } of result.errors) {
      expect(message.length).toBeLessThan(1_000);
      expect(line).toBeGreaterThan(0);
      expect(column).toBeGreaterThan(0);
    }
    return;
  }
  const { definition } = result;
  // What was read is read the same once more, and can be drawn.
  expect(readPipeline(text, files)).toEqual(result);
  for (const draw of [graphText, graphMermaid, graphDot]) inTime(() => draw(definition));
  inTime(() => readAppendedSteps(text, definition));
}

describe('random text', () => {
  const options = { seed, numRuns: 100 };

  it('that was a pipeline until pieces were moved, doubled, cut or replaced', () => {
    const piece = fc.oneof(fc.constantFrom(...words, ...TEXTS), fc.string({ maxLength: 8 }));
    const change = fc.tuple(
      fc.nat(),
      fc.nat(40),
      piece,
      fc.constantFrom('replace', 'cut', 'double', 'insert'),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...corpus),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        (pipeline, changes) => {
          const text = changes.reduce((text, [at, length, piece, how]) => {
            const start = at % Math.max(1, text.length);
            const part = text.slice(start, start + length);
            const put = { replace: piece, cut: '', double: part + part, insert: piece + part }[how];
            return text.slice(0, start) + put + text.slice(start + length);
          }, pipeline);
          read(text);
        },
      ),
      options,
    );
  });

  it('that was a pipeline until a value in it became another', () => {
    const value = fc.oneof(
      fc.constantFrom(...words, ...TEXTS),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.jsonValue({ maxDepth: 2 }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...corpus),
        fc.array(fc.tuple(fc.nat(), value), { maxLength: 5 }),
        (pipeline, changes) => {
          const lines = pipeline.split('\n');
          for (const [at, put] of changes) {
            const line = at % lines.length;
            lines[line] = lines[line]!.replace(/: [^{[|&].*$/, () => `: ${JSON.stringify(put)}`);
          }
          read(lines.join('\n'));
        },
      ),
      options,
    );
  });

  it('that is a tree of the words of the language', () => {
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        fc.constantFrom<unknown>(...words, ...TEXTS, 1, 0, -1, 1.5, true, null),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(fc.constantFrom(...words, 'a', 'b'), tie('tree'), { maxKeys: 6 }),
      ),
    }));
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      type: fc.constantFrom(...words.filter((word) => word.startsWith('step.'))),
      config: fc.dictionary(fc.constantFrom(...words), tree, { maxKeys: 6 }),
    });
    const more = fc.dictionary(fc.constantFrom(...words), tree, { maxKeys: 4 });
    const pipeline = fc
      .tuple(more, fc.array(fc.tuple(more, step), { maxLength: 4 }))
      .map(([head, steps]) => ({
        ...head,
        name: 'p',
        steps: steps.map(([extra, own]) => ({ ...extra, ...own })),
      }));
    fc.assert(
      fc.property(fc.oneof(pipeline, tree), (value) =>
        read(stringify(value, { aliasDuplicateObjects: false })),
      ),
      options,
    );
  });

  it('of any characters', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 2_000, unit: 'binary' }),
      fc
        .array(fc.constantFrom(...':-?[]{}&*!|>%@`"\'# \n\t,.<~'), { maxLength: 3_000 })
        .map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (value) => {
        read(value);
        inTime(() => namedFiles(value));
      }),
      options,
    );
  });
});

describe('random expressions', () => {
  const options = { seed, numRuns: 500 };
  const values: ConditionValues = {
    branch: 'main',
    tag: '',
    commit: 'c',
    event: 'push',
    inputs: { x: 1 },
    matrix: { a: '1' },
    steps: { a: { status: 'succeeded', outputs: { b: 'c' } } },
    scan: { passed: true, critical: 0, high: 0, medium: 0, low: 0, info: 0 },
    tests: { passed: true, total: 1, failed: 0, skipped: 0, flaky: 0 },
  };
  const token = fc.oneof(
    fc.constantFrom(
      ...[
        'branch',
        'inputs.x',
        'matrix',
        'steps.a',
        'steps["a"].outputs',
        'scan.high',
        'tests',
        '(',
        ')',
        '[',
        ']',
        '{',
        '}',
      ],
      ...[
        '==',
        '!=',
        '<',
        '&&',
        '||',
        '!',
        '-',
        '+',
        '*',
        '/',
        '%',
        '?',
        ':',
        ',',
        '.',
        'in',
        'has(',
        'size(',
        'string(',
      ],
      ...[
        'always()',
        '.map(x, x)',
        '.matches("(a+)+$")',
        '.contains("a")',
        '"a"',
        "'",
        '1',
        '1u',
        '1.5',
        '0x',
        'null',
        'true',
      ],
      ...[
        'b"\\x"',
        '"\\u{110000}"',
        '9223372036854775808',
        '1e999',
        '.constructor',
        '["__proto__"]',
        '{{.Branch}}',
        ' ',
      ],
    ),
    fc.string({ maxLength: 3, unit: 'binary' }),
  );
  const expression = fc.array(token, { maxLength: 40 }).map((tokens) => tokens.join(''));

  it('are conditions, or refused', () => {
    fc.assert(
      fc.property(expression, (text) => {
        try {
          inTime(() => parseCondition(text));
          expect(
            typeof inTime(() => evaluateCondition(text, values, { success: true, failure: false })),
          ).toBe('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(ConditionError);
        }
      }),
      options,
    );
  });

  it('mean the same with the names of another step and input', () => {
    const names = { step: (name: string) => `t-${name}`, input: () => 'inputs["x"]' };
    const inTemplate = { ...values, steps: { 't-a': values.steps.a! } };
    const status = { success: true, failure: false };
    const outcome = (text: string, given: ConditionValues): unknown => {
      try {
        return evaluateCondition(text, given, status);
      } catch (error) {
        expect(error).toBeInstanceOf(ConditionError);
        return 'none';
      }
    };
    const { truth } = fc.letrec<{ truth: string }>((tie) => ({
      truth: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(
          ...[
            'steps.a.status == "succeeded"',
            'has(steps.a.outputs.b)',
            'has( steps.a.outputs.none )',
            'has(inputs.x)',
          ],
          ...[
            'inputs.x == 1',
            'inputs["x"] in [1, 2]',
            '"b" in steps["a"].outputs',
            'steps["a"].outputs.b == \'c\'',
          ],
          ...[
            'scan.high == 0',
            'size(steps.a.outputs.b) > 0',
            'steps . a . status.startsWith("s")',
            'steps.a.outputs.none == ""',
          ],
        ),
        tie('truth').map((one) => `!(${one})`),
        fc
          .tuple(tie('truth'), fc.constantFrom(' && ', ' || ', '==', ' != '), tie('truth'))
          .map(([one, by, other]) => `(${one})${by}(${other})`),
        fc.tuple(tie('truth'), tie('truth'), tie('truth')).map(([a, b, c]) => `( ${a} ) ? ${b} : (${c})`),
      ),
    }));
    fc.assert(
      fc.property(truth, (text) => {
        expect(outcome(rewriteCondition(text, names), inTemplate)).toBe(outcome(text, values));
      }),
      options,
    );
  });

  it('are templates, or refused', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(token, fc.constantFrom(...TEXTS, '{{', '}}', '"')), { maxLength: 20 }),
        (parts) => {
          const text = parts.join('');
          try {
            inTime(() => parseTemplate(text));
            inTime(() => render(text, { Branch: 'b', Inputs: { x: '1' } }));
          } catch (error) {
            expect(error).toBeInstanceOf(TemplateError);
          }
        },
      ),
      options,
    );
  });
});
