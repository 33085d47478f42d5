import { expect, it } from '@jest/globals';
import type { Fact } from '@hybrid/decider';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Golden files: one for each stored event type, as it was first written. They are never changed: today's code must read
 * them. Makes a test that none is missing or too many; `types` names them all, which the compiler keeps complete.
 * Answers how to read one.
 */
export function goldenEvents<E extends Fact>(folder: string, types: Record<E['type'], true>) {
  it('each have their golden file', () => {
    const wanted = Object.keys(types).map((type) => `${type}.json`);
    expect(readdirSync(folder).sort()).toEqual(wanted.sort());
  });
  return <T extends E['type']>(type: T) =>
    JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as Extract<E, { type: T }>;
}
