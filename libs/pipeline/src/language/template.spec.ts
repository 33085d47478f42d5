import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseTemplate, render, TemplateError } from './template.js';

const values = {
  Branch: 'main',
  PreviousExecutionID: null,
  Env: { A: '{{.Branch}}', B: 'b' },
  Inputs: { evil: '{{.Secrets.KEY}}', brace: '{', quote: "a' 'b" },
  Matrix: {},
  Steps: { build: { digest: 'd' } },
};

describe('templates', () => {
  it.each([
    ['no template', 'no template'],
    ['a {{.Branch}} b {{ .Env.B }}', 'a main b b'],
    ['{{.Steps.build.outputs.digest}}', 'd'],
    ['{{.Secrets.KEY}} stays', '{{.Secrets.KEY}} stays'],
    ['{{"{{"}}.Names}}', '{{.Names}}'],
    ['$' + '{{.Branch}}', '$main'],
    ['{{.Inputs.brace}} alone', '{ alone'],
    [`npm-{{hashFiles 'a' "b/*"}}`, "npm-{{hashFiles 'a' 'b/*'}}"],
    ["{{ hashFiles .Env.B 'c' }}", "{{hashFiles 'b' 'c'}}"],
  ])('%s', (text, result) => {
    expect(render(text, values)).toBe(result);
  });

  it.each([
    ['{{.Inputs.evil}}', 'has a value that makes `{{`'],
    ['{{.Inputs.brace}}{.Secrets.KEY}}', 'has a value that makes `{{`'],
    ['{{{.Inputs.brace}}', 'is not a template'],
    ['{{.Env.A}}', 'has a value that makes `{{`'],
    ['{{.PreviousExecutionID}}', 'there is no earlier run that succeeded'],
    ['{{.Steps.build.outputs.other}}', 'there is no `other`'],
    ['{{hashFiles .Inputs.evil}}', '{{.Inputs.evil}} is no name of files that can be hashed'],
    ['{{hashFiles .Inputs.quote}}', '{{.Inputs.quote}} is no name of files that can be hashed'],
    ['{{hashFiles .Steps}}', 'has no value'],
    ["{{hashFiles 'a}}", 'is not a template'],
    ['{{.Env.constructor}}', 'there is no `constructor`'],
    ['{{.Matrix.__proto__}}', 'there is no `__proto__`'],
  ])('%s is refused', (text, message) => {
    expect(() => render(text, values)).toThrow(TemplateError);
    expect(() => render(text, values)).toThrow(message);
  });

  it('never lets a value become a template', () => {
    const piece = fc.constantFrom('{', '}', '{{', '.Secrets.K', 'x', '"{{"');
    const value = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
    const literal = fc.constantFrom('{', ' ', '.Secrets.K', '}}', 'x');
    fc.assert(
      fc.property(value, value, literal, literal, (a, b, before, between) => {
        let result: string;
        try {
          result = render(`${before}{{.Inputs.a}}${between}{{.Inputs.b}}${between}`, { Inputs: { a, b } });
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
          return;
        }
        expect(result).not.toContain('{{');
      }),
    );
  });

  it('takes a text apart and forgets nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('{', '}', 'a', '.', ' ', '{{.A}}', '"')), (pieces) => {
        const text = pieces.join('');
        try {
          const parts = parseTemplate(text);
          expect(parts.map((part) => ('text' in part ? part.text : part.source)).join('')).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }),
    );
  });
});
