import { describe, expect, it } from '@jest/globals';
import { isFoldFailure, LostConnectionError, reasonOf } from './projection-transaction.js';

const postgres = (code: string, more: object = {}) =>
  Object.assign(new Error('says "hunter2"'), { code, ...more });

describe('a failure while a batch is applied', () => {
  it.each([
    ['a fold that throws', new TypeError('x')],
    ['a value out of range', postgres('22003')],
    ['a duplicate', postgres('23505')],
    ['a column that is not there', postgres('42703')],
    ['a row too large for its index', postgres('54000')],
    ['something that is no error', 'x'],
  ])('is the events’ for %s', (_, error) => expect(isFoldFailure(error)).toBe(true));

  it.each([
    ['a lost connection', new LostConnectionError(new Error('x'))],
    ['a serialisation failure', postgres('40001')],
    ['a deadlock', postgres('40P01')],
    ['a full disk', postgres('53100')],
    ['a server that stops', postgres('57P01')],
    ['a table that was dropped', postgres('42P01')],
    ['a right that is missing', postgres('42501')],
    ['a broken pipe', postgres('EPIPE')],
    ['a stop', Object.assign(new Error('x'), { name: 'AbortError' })],
  ])('is the moment’s for %s', (_, error) => expect(isFoldFailure(error)).toBe(false));
});

describe('the reason for parking', () => {
  it('says what and where, and nothing of what the event says', () => {
    expect(reasonOf(postgres('22003', { column: 'sum', table: 'jobs' }))).toBe(
      'PostgreSQL 22003, table jobs, column sum',
    );
    const reason = reasonOf(new TypeError('hunter2\n  at hunter2'));
    expect(reason).toMatch(/^TypeError at .*projection-transaction\.spec/);
    expect(reason).not.toContain('hunter2');
  });

  it('is bounded', () => {
    const error = new Error('x');
    error.stack = `Error: x\n    at ${'f'.repeat(1_000)}`;
    expect(reasonOf(error)).toHaveLength(300);
  });
});
