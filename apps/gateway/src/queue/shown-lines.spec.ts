import { describe, expect, it } from '@jest/globals';
import type { LogLine } from '@hybrid/contracts';
import { fileName } from './log-replies.js';
import { lineFilter, shownLine } from './shown-lines.js';

const RED = '\u001b[1;31m';

function line(text: string, stream: LogLine['stream'] = 'stdout') {
  return { seq: 0, time: '2026-01-01T00:00:00.000Z', stream, text, attempt: 1 };
}

describe('shown lines', () => {
  it.each([
    ['stdout', '::group::Install it', { group: 'start', group_name: 'Install it' }],
    ['stderr', `${RED}::group::Red\u001b[0m`, { group: 'start', group_name: 'Red' }],
    ['stdout', '  ::endgroup::', { group: 'end' }],
    ['stdout', '--- :rocket: Build', { group: 'section', group_name: ':rocket: Build' }],
    ['stdout', '+++ Failed', { group: 'section', group_name: 'Failed' }],
    ['stdout', '~~~ Quiet', { group: 'section', group_name: 'Quiet' }],
    ['system', '$ npm ci', { group: 'command', group_name: 'npm ci' }],
  ] as const)('%s %j begins or ends a group', (stream, text, group) => {
    expect(shownLine(line(text, stream), false)).toEqual({ ...line(text, stream), ...group });
  });

  it.each([
    ['stdout', '$ npm ci'],
    ['system', '> more of the command'],
    ['system', '::group::x'],
    ['stdout', '---'],
    ['stdout', '--- '],
    ['stdout', '----- BEGIN'],
    ['stdout', 'see ::group::x'],
    ['stdout', ''],
  ] as const)('%s %j is a line as any other', (stream, text) => {
    expect(shownLine(line(text, stream), false)).toEqual(line(text, stream));
  });

  it('lose their colours where that is asked for', () => {
    expect(shownLine(line(`${RED}a\u001b[0mb`), true).text).toBe('ab');
  });

  it('are found across colours, as plain text', () => {
    const wanted = lineFilter({}, 'Error: (x+)');
    expect(wanted(line(`ERR${RED}OR: (X+)`))).toBe(true);
    expect(wanted(line('error: xx'))).toBe(false);
  });

  it.each([
    ['../../etc/passwd', 'etc-passwd-1.log'],
    ['a"b\r\nSet-Cookie: x', 'a-b-Set-Cookie-x-1.log'],
    ['日本', 'job-1.log'],
    ['test[node=20]', 'test-node-20-1.log'],
  ])('of a job called %j are downloaded as %s', (name, file) => {
    expect(fileName({ id: '1', name } as Parameters<typeof fileName>[0])).toBe(file);
  });
});
