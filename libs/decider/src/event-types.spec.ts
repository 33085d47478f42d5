import { describe, expect, it } from '@jest/globals';
import type { Fact } from './decider.js';
import { downcast, understand, understoodTypes, type EventTypes } from './event-types.js';

type Measured = { type: 'Measured.v3'; data: { celsius: number; by: string } };

const types: EventTypes<Measured> = {
  today: { 'Measured.v3': true },
  upcasts: {
    Measured: ({ fahrenheit }: { fahrenheit: number }) => ({
      type: 'Measured.v2',
      data: { celsius: (fahrenheit - 32) / 1.8 },
    }),
    'Measured.v2': ({ celsius }: { celsius: number }) => ({
      type: 'Measured.v3',
      data: { celsius, by: 'unknown' },
    }),
  },
};

describe('a stored event', () => {
  it('of one of today’s types is taken as it is', () => {
    const stored = { type: 'Measured.v3', data: { celsius: 20, by: 'me' } };
    expect(understand(types, stored)).toBe(stored);
  });

  it('of an earlier type becomes today’s, step by step, and is not changed itself', () => {
    const stored: Fact = Object.freeze({ type: 'Measured', data: Object.freeze({ fahrenheit: 68 }) });
    expect(understand(types, stored)).toEqual({
      type: 'Measured.v3',
      data: { celsius: 20, by: 'unknown' },
    });
    expect(understand(types, { type: 'Measured.v2', data: { celsius: 1 } })?.data.celsius).toBe(1);
  });

  it.each(['Measured.v4', '', 'constructor', '__proto__', 'toString'])(
    'of the type "%s", which nobody knows, is not understood',
    (type) => {
      expect(understand(types, { type, data: {} })).toBeNull();
      expect(understand({ today: { 'Measured.v3': true } }, { type, data: {} })).toBeNull();
    },
  );

  it('is not understood where upcasters lead nowhere, or in a circle', () => {
    const lost: EventTypes<Measured> = {
      today: { 'Measured.v3': true },
      upcasts: {
        there: () => ({ type: 'back', data: {} }),
        back: () => ({ type: 'there', data: {} }),
        away: () => ({ type: 'gone', data: {} }),
      },
    };
    for (const type of ['there', 'back', 'away']) expect(understand(lost, { type, data: {} })).toBeNull();
  });

  it('of a type that came later says what it is to versions before, where they need to know', () => {
    const later: EventTypes<Measured> = {
      today: { 'Measured.v3': true },
      downcasts: {
        'Measured.v3': ({ celsius }: Measured['data']) =>
          celsius > 0 ? { type: 'Measured', data: { fahrenheit: celsius * 1.8 + 32 } } : null,
      },
    };
    const at = (celsius: number): Measured => ({ type: 'Measured.v3', data: { celsius, by: 'me' } });
    expect(downcast(later, at(20))).toEqual({ type: 'Measured', data: { fahrenheit: 68 } });
    expect(downcast(later, at(-1))).toBeNull();
    expect(downcast(types, at(20))).toBeNull();
    expect(downcast(later, { type: 'constructor', data: {} })).toBeNull();
  });

  it('is of a type of today or of before', () => {
    expect(understoodTypes(types)).toEqual(['Measured', 'Measured.v2', 'Measured.v3']);
  });
});
