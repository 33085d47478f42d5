import { expect, it } from '@jest/globals';
import { downcast, fold, understand, understoodTypes, type Decider, type Fact } from '@hybrid/decider';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The outcome that a version of the read models and snapshots was made with. */
interface Folded {
  /** Of the read models and snapshots that are made with the fold. */
  version: number;
  /** SHA-256 in hex of the states that the golden events lead to, one after the other; its first 16 digits. */
  digest: string;
  /** Types that begin a thing, as the first one does. */
  begins?: readonly string[];
}

/**
 * Golden files: one for each stored event type, today's and those of before, as it was first written. They are never
 * changed: today's code must read them. Makes the tests that none is missing or too many, that each is understood and
 * folded, that none but the first changes what has not begun, and that the fold is the one that its version stands for.
 * Answers how to read one, as today's code knows it.
 */
export function goldenEvents<State, E extends Fact>(
  folder: string,
  decider: Pick<Decider<State, never, E>, 'initial' | 'events' | 'evolve'>,
  { begins = [], ...folded }: Folded,
) {
  const stored = (type: string) => JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as Fact;
  const read = (type: string) => understand(decider.events, stored(type));
  const types = understoodTypes(decider.events);

  it('each have their golden file', () => {
    expect(readdirSync(folder).sort()).toEqual(types.map((type) => `${type}.json`).sort());
  });

  it.each(types)('%s is understood, and folded', (type) => {
    expect(stored(type).type).toBe(type);
    expect(Object.keys(decider.events.today)).toContain(read(type)?.type);
    expect(fold(decider, [read(type)!])).toBeDefined();
  });

  // A version that knew more wrote the beginning: lists and single reads must bear what is left.
  const [begin, ...others] = Object.keys(decider.events.today);
  for (const type of others.filter((other) => !begins.includes(other)))
    it(`${type} without ${begin} changes nothing`, () => {
      expect(fold(decider, [read(type)!])).toEqual(decider.initial);
    });

  const later = Object.keys(decider.events.downcasts ?? {});
  for (const type of later)
    it(`${type} says to versions before what they know`, () => {
      expect(Object.keys(decider.events.today)).toContain(type);
      const told = downcast(decider.events, read(type)!);
      if (!told) return;
      expect(types.filter((known) => !later.includes(known))).toContain(told.type);
      expect(fold(decider, [understand(decider.events, told)!])).toBeDefined();
    });

  it('are folded as ever', () => {
    const states: unknown[] = [];
    // Today's types in the order of a thing's life, each followed by those of before.
    const order = [...Object.keys(decider.events.today), ...Object.keys(decider.events.upcasts ?? {})];
    order.reduce((state, type) => {
      const after = decider.evolve(state, read(type)!);
      states.push(after);
      return after;
    }, decider.initial);
    const digest = createHash('sha256').update(JSON.stringify(states, plain)).digest('hex').slice(0, 16);
    // The fold changed, or a type was added: a changed fold needs a raised version in the projection (and snapshots),
    // or what was folded before stays as it was. Then note version and digest here.
    expect({ ...folded, digest }).toEqual(folded);
  });

  // An earlier type answers today's event, whichever that is.
  return <T extends string>(type: T) => read(type) as T extends E['type'] ? Extract<E, { type: T }> : E;
}

/** Some states have in them what JSON has not. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof Map || value instanceof Set ? [...value] : value;
}
