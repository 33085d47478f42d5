import { describe, expect, it } from '@jest/globals';
import { readAppendedSteps } from './appended-steps.js';
import { readPipeline } from './read-pipeline.js';

const existing = readPipeline(`
name: p
on: { manual: { inputs: { who: { type: string } } } }
env: { A: a }
steps:
  - { name: make, dynamic: true, type: step.shell_exec, config: { commands: [make], artifacts_out: [{key: k, path: p}] } }
`);
if ('errors' in existing) throw new Error(JSON.stringify(existing.errors));

function read(text: string): string[] {
  const result = readAppendedSteps(text, (existing as { definition: never }).definition);
  if ('steps' in result) return result.steps.map(({ name, needs }) => `${name} <- ${needs.join()}`);
  return result.errors.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
}

const run = 'type: step.shell_exec, config: {commands: ["{{.Env.A}} {{.Inputs.who}}"]}';

describe('steps that a step appends', () => {
  it.each([
    ['a list', `- {name: a, ${run}}\n- {name: b, needs: [a, make], ${run}}`],
    ['a map', `steps:\n- {name: a, ${run}}\n- {name: b, needs: [a, make], ${run}}`],
  ])('are read from %s', (_, text) => {
    expect(read(text)).toEqual(['a <- ', 'b <- a,make']);
  });

  it.each(['', ' \n', '[]', 'steps: []'])('may be none: %j', (text) => {
    expect(read(text)).toEqual([]);
  });

  it.each([
    ['steps: 1', '1:8 steps: must be a list, not a number'],
    ['name: x', '1:1 steps: `steps` is missing'],
    [`- {name: make, ${run}}`, '1:10 steps[0].name: another step is called `make`'],
    [`- {name: a, needs: [b], ${run}}`, '1:21 steps[0].needs[0]: there is no step `b`'],
    [`- {name: a, needs: [a], ${run}}`, 'steps need each other in a circle: a → a'],
    [
      `- {name: a, ${run.replace('Env.A', 'Env.B')}}`,
      'there is no environment variable `B`; did you mean `A`?',
    ],
    ['- {name: a, uses: ./x.yaml}', '1:19 steps[0].uses: steps that a step appends cannot use templates'],
    [`- {name: a, timeout: 48h, ${run}}`, '1:22 steps[0].timeout: must be between 1 and 86400 seconds'],
    [
      '- {name: a, type: step.artifact_push, config: {key: k, source_path: x}}',
      '1:53 steps[0].config.key: make and a would both store `k`',
    ],
    [
      Array.from({ length: 500 }, (_, index) => `- {name: s${index}, ${run}}`).join('\n'),
      'the run would have 501 steps, more than 500',
    ],
    [
      Array.from({ length: 5 }, (_, index) => `- {name: s${index}, parallel: 200, ${run}}`).join('\n'),
      'the run would have 1001 steps with those of the matrices',
    ],
  ])('%#', (text, message) => {
    expect(read(text).join('\n')).toContain(message);
  });
});
