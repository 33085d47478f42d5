import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NAME_MAX, greet } from '../../src/greeting.js';

describe('a greeting', () => {
  it('greets by name', () => assert.equal(greet('Ada'), 'Hello, Ada!'));
  it('greets the world when no name is given', () => assert.equal(greet('  '), 'Hello, world!'));
  it('takes another word', () => assert.equal(greet('Ada', 'Moin'), 'Moin, Ada!'));
  it('takes the longest name and no longer one', () => {
    assert.equal(greet('x'.repeat(NAME_MAX)).length, 'Hello, !'.length + NAME_MAX);
    assert.throws(() => greet('x'.repeat(NAME_MAX + 1)), RangeError);
  });
});
