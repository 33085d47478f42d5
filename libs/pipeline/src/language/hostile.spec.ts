import { cpuMs } from '@hybrid/testing';
import { describe, expect, it } from '@jest/globals';
import { DEFINITION_MAX } from '@hybrid/contracts';
import { readPipeline } from './read-pipeline.js';

/** The promise is a second; the machine that runs the specs may be busy. */
const LIMIT_MS = 5_000;

function fill(unit: string, before = '', after = ''): string {
  return (
    before + unit.repeat(Math.floor((DEFINITION_MAX - before.length - after.length) / unit.length)) + after
  );
}

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join('\n');
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

const step = 'type: step.shell_exec, config: {commands: [x]}';
const laughs = [
  'a: &a0 [x, x, x, x, x, x, x, x, x]',
  ...Array.from({ length: 9 }, (_, n) => `b${n}: &a${n + 1} [${`*a${n}, `.repeat(9)}]`),
];

const texts: Record<string, string> = {
  'one line of ten million characters': `name: ${'x'.repeat(10_000_000)}`,
  'open lists': fill('['),
  'open maps': fill('{a: '),
  'compact lists': fill('- '),
  'complex keys': fill('? '),
  'closed lists': `${'['.repeat(DEFINITION_MAX / 2)}${']'.repeat(DEFINITION_MAX / 2)}`,
  'nested blocks': lines(900, (n) => `${' '.repeat(n)}a:`),
  'a billion laughs': laughs.join('\n'),
  'a billion laughs by merging': [
    'a0: &a0 {x: 1}',
    ...Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} {<<: [${`*a${n}, `.repeat(9)}]}`),
  ].join('\n'),
  'an alias of itself': 'a: &a [*a]',
  'an alias of itself by merging': 'a: &a {<<: *a}',
  'unknown keys': lines(50_000, (n) => `k${n}: 1`),
  'unknown keys in steps': `name: p\nsteps:\n${lines(9_000, (n) => `- {stpe${n}: 1, ned${n}: 2}`)}`,
  'many documents': fill('---\n'),
  'many anchors': fill('&a '),
  'unclosed quote': fill('a\n', '"'),
  'unknown tags': `[${'!x 1, '.repeat(30_000)}]`,
  'a long tag': `!${'x'.repeat(DEFINITION_MAX - 10)} 1`,
  'many errors of syntax': fill('a: b: c\n'),
  'braces in a command': `name: p\nsteps: [{name: a, type: step.shell_exec, config: {commands: ["${'{{'.repeat(15_000)}"]}}]`,
  'templates in commands': `name: p\nsteps:\n${lines(500, (n) => `- {name: s${n}, type: step.shell_exec, config: {commands: ["${'{{.Evn.X}}'.repeat(90)}"]}}`)}`,
  'a condition of brackets': `name: p\nsteps: [{name: a, if: "${'('.repeat(1_900)}", ${step}}]`,
  'a condition of nots': `name: p\nsteps: [{name: a, if: "${'!'.repeat(1_900)}true", ${step}}]`,
  'ten thousand conditions': `name: p\nsteps:\n${lines(300, (n) => `- {name: s${n}, type: step.gate, config: {type: automatic, conditions: [${Array.from({ length: 50 }, (_, c) => `"branch == '${c}'"`).join(', ')}]}}`)}`,
  'needs of everything': `name: p\nsteps:\n${lines(300, (n) => `- {name: s${n}, needs: [${Array.from({ length: n }, (_, s) => `s${s}`).join(', ')}], ${step}}`)}`,
  'unknown needs': `name: p\nsteps:\n${lines(450, (n) => `- {name: ${'s'.repeat(50)}${n}, needs: [${Array.from({ length: 90 }, (_, s) => `${'t'.repeat(5)}${s}`).join(', ')}], ${step}}`)}`,
  'matrices of matrices': `name: p\nsteps: [{name: a, matrix: {${Array.from({ length: 10 }, (_, n) => `k${n}: [${Array.from({ length: 200 }, (_, v) => v).join(', ')}]`).join(', ')}}, ${step}}]`,
  'artifacts of matrices': `name: p\nsteps:\n${lines(3, (n) => `- {name: s${n}, matrix: {m: [${Array.from({ length: 250 }, (_, v) => v).join(', ')}]}, type: step.shell_exec, config: {commands: [x], artifacts_out: [${Array.from({ length: 99 }, (_, a) => `{key: "${n}-${a}-{{.Matrix.m}}", path: p}`).join(', ')}]}}`)}`,
  'includes of matrices': `name: p\nsteps:\n${lines(80, (n) => `- {name: s${n}, matrix: {a: [${range(16)}], b: [${range(16)}], include: [${Array.from({ length: 256 }, (_, v) => `{a: 1, c${v % 9}: ${v}}`).join(', ')}]}, ${step}}`)}`,
  'excludes of matrices': `name: p\nsteps:\n${lines(80, (n) => `- {name: s${n}, matrix: {a: [${range(16)}], b: [${range(16)}], exclude: [${Array.from({ length: 256 }, (_, v) => `{a: 1, b: x${v}}`).join(', ')}]}, ${step}}`)}`,
  'a matrix that is too large, with an include': `name: p\nsteps: [{name: a, matrix: {${Array.from({ length: 10 }, (_, n) => `k${n}: [${range(200)}]`).join(', ')}, include: [{a: 1}]}, ${step}}]`,
  'schedules that never come': `name: p\non: {schedule: [${Array.from({ length: 10 }, (_, n) => `"${n} 0 30,31 2 *"`).join(', ')}]}\nsteps: [{name: a, ${step}}]`,
  'a schedule of commas': `name: p\non: {schedule: "${'1,'.repeat(49)}"}\nsteps: [{name: a, ${step}}]`,
  'globs of stars': `name: p\non: {push: {paths: [${Array.from({ length: 100 }, () => `"${'**/*'.repeat(120)}"`).join(', ')}]}}\nsteps: [{name: a, test_reports: ["${'+(a|b)*'.repeat(60)}"], ${step}}]`,
  'hashes of files': `name: p\nsteps: [{name: a, cache: {key: "{{hashFiles ${"'a' ".repeat(100)}}}", paths: x}, ${step}}]`,
  'deep settings': `name: p\nsteps: [{name: a, uses: "docker://x", with: ${'{a: '.repeat(40)}1${'}'.repeat(40)}}]`,
  'settings of templates': `name: p\nsteps: [{name: a, uses: "docker://x", with: {${lines(90, (n) => `k${n}: [${Array.from({ length: 500 }, () => '"{{.Evn.X}}"').join(',')}],`)}}}]`,
  'steps of parts': `name: p\nsteps:\n${lines(500, (n) => `- {name: s${n}, parallel: 256, ${step}}`)}`,
  'a long key': `${'k'.repeat(DEFINITION_MAX - 10)}: 1`,
  'a long number': `a: ${'1'.repeat(DEFINITION_MAX - 10)}x`,
};

const uses = (count: number, file: string): string =>
  `steps:\n${lines(count, (n) => `- {name: s${n}, uses: ./${file}.yaml}`)}`;

/** Templates that fan out, as bombs do: the pipeline uses `a`. */
const templates: Record<string, Record<string, string>> = {
  'templates of templates': { a: uses(40, 'b'), b: uses(40, 'c'), c: `steps: [{name: x, ${step}}]` },
  'templates of mistakes': { a: uses(40, 'b'), b: `steps:\n${lines(200, (n) => `- {nmae: x${n}}`)}` },
  'templates that are too long': { a: `steps: [{name: x, ${step}}]\n#${'x'.repeat(20_000)}` },
  'templates in a circle': { a: uses(500, 'a') },
  'templates of templates of texts': {
    a: `inputs: {v: {type: string}}\nsteps: [{name: x, type: step.shell_exec, config: {commands: [${Array.from({ length: 50 }, () => '"{{.Inputs.v}}"').join(', ')}]}}]`,
  },
};

describe('hostile templates', () => {
  it.each(Object.keys(templates))('%s are answered in time', (name) => {
    const files = Object.fromEntries(
      Object.entries(templates[name]!).map(([file, text]) => [`${file}.yaml`, text]),
    );
    const value = `with: {v: "${'x'.repeat(900)}"}`;
    const definition = `name: p\n${uses(500, 'a').replaceAll('a.yaml}', `a.yaml, ${value}}`)}`;
    let result: unknown;
    expect(cpuMs(() => (result = readPipeline(definition, files)))).toBeLessThan(LIMIT_MS);
    expect(result).toHaveProperty('errors.length');
  });
});

describe('hostile text', () => {
  it.each(Object.keys(texts))('%s is answered in time', (name) => {
    let result!: ReturnType<typeof readPipeline>;
    expect(cpuMs(() => (result = readPipeline(texts[name]!)))).toBeLessThan(LIMIT_MS);
    if ('errors' in result) {
      expect(result.errors.length).toBeGreaterThan(0);
      expect(result.errors.length).toBeLessThanOrEqual(101);
      for (const { message, line, column } of result.errors) {
        expect(message.length).toBeLessThan(500);
        expect(line).toBeGreaterThan(0);
        expect(column).toBeGreaterThan(0);
      }
    }
  });
});
