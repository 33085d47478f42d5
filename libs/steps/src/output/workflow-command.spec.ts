import { describe, expect, it } from '@jest/globals';
import {
  COMMAND_MAX,
  handleCommand,
  parseWorkflowCommand,
  type WorkflowCommand,
} from './workflow-command.js';

function parsed(line: string) {
  const command = parseWorkflowCommand(line);
  return command && { ...command, properties: Object.fromEntries(command.properties) };
}

describe('workflow commands', () => {
  it.each([
    ['::error::it broke', 'error', {}, 'it broke'],
    ['::endgroup::', 'endgroup', {}, ''],
    ['  ::group::Build', 'group', {}, 'Build'],
    [
      '::Warning file=a.ts,line=3,title=Odd::text',
      'warning',
      { file: 'a.ts', line: '3', title: 'Odd' },
      'text',
    ],
    ['::notice file=a b.ts, line = 4::x', 'notice', { file: 'a b.ts', line: ' 4' }, 'x'],
    ['::error a,a=1,=2,b=1=2::', 'error', { a: '', b: '1=2' }, ''],
    ['::error title=1%2C2%3A3%25::a%0Ab%0d%2C', 'error', { title: '1,2:3%' }, 'a\nb\r%2C'],
    ['::error::100%2525 and %250A', 'error', {}, '100%25 and %0A'],
    ['::error::a::b', 'error', {}, 'a::b'],
    ['::error constructor=2::x', 'error', { constructor: '2' }, 'x'],
  ])('%s', (line, name, properties, text) => {
    const command = parsed(line);
    expect(command).toMatchObject({ name, text });
    expect(Object.entries(command?.properties ?? {})).toEqual(Object.entries(properties));
  });

  it.each(['', '::', '::::', ':: error::x', '::error', '::error x', 'see ::error::x', '::9::x', ':error::x'])(
    '%j is text',
    (line) => {
      expect(parseWorkflowCommand(line)).toBeUndefined();
    },
  );

  it('takes a line that is too long for text, and is quick where there is no end', () => {
    expect(parseWorkflowCommand(`::error::${'x'.repeat(COMMAND_MAX)}`)).toBeUndefined();
    expect(parseWorkflowCommand(`::error${' ,='.repeat(5_000)}`)).toBeUndefined();
  });

  it('are handed to the handler of their name alone', () => {
    const seen: WorkflowCommand[] = [];
    const handlers = { error: (command: WorkflowCommand) => void seen.push(command) };
    for (const line of ['::error::one', '::warning::two', '::constructor::three', 'error'])
      handleCommand(line, handlers);
    expect(seen.map(({ text }) => text)).toEqual(['one']);
  });
});
