import { describe, expect, it } from '@jest/globals';
import type { Decider } from '@hybrid/decider';
import { join } from 'node:path';
import { goldenEvents } from './golden.js';

/** A noun whose event had a breaking change: what was stored before is read as today's. */
type Measured = { type: 'Measured.v2'; data: { celsius: number } };
const thermometer: Pick<Decider<number | null, never, Measured>, 'initial' | 'events' | 'evolve'> = {
  initial: null,
  events: {
    today: { 'Measured.v2': true },
    upcasts: {
      Measured: ({ fahrenheit }: { fahrenheit: number }) => ({
        type: 'Measured.v2',
        data: { celsius: (fahrenheit - 32) / 1.8 },
      }),
    },
  },
  evolve: (_, { data }) => data.celsius,
};

describe('golden files', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), thermometer, {
    version: 1,
    digest: 'b69d258257fb7648',
  });

  it('of an earlier form are read as today’s', () => {
    expect(golden('Measured')).toEqual({ type: 'Measured.v2', data: { celsius: 20 } });
    expect(golden('Measured.v2').data.celsius).toBe(25);
  });
});
