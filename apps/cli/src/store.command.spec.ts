import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { storeDirectory } from './store.command.js';

describe('the directory of the events', () => {
  it.each([
    ['what is told', { data: 'told' }, { EVENT_STORE_DATA: 'set', HYBRID_DATA: 'all' }, 'told'],
    ['what is set', {}, { EVENT_STORE_DATA: 'set', HYBRID_DATA: 'all' }, 'set'],
    ['in the directory of all data', {}, { HYBRID_DATA: 'all' }, 'all/event-store'],
    ['where npm start keeps it', {}, {}, '.data/event-store'],
  ])('is %s', (_name, options, environment, expected) => {
    expect(storeDirectory(options, environment)).toBe(resolve(expected));
  });

  it('is not empty', () => {
    expect(() => storeDirectory({ data: '' }, {})).toThrow(/--data is empty/);
  });
});
