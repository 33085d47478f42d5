import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { artifactDecider, type ArtifactEvent } from './artifact.decider.js';

/** One file for each stored event type, as it was first written. They are never changed: today's code must read them. */
const folder = join(import.meta.dirname, 'golden');

function golden<T extends ArtifactEvent['type']>(type: T): Extract<ArtifactEvent, { type: T }> {
  return JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as Extract<
    ArtifactEvent,
    { type: T }
  >;
}

/** The compiler keeps this complete. */
const TYPES: Record<ArtifactEvent['type'], true> = {
  ArtifactStored: true,
  ArtifactDeleted: true,
};

describe('stored events', () => {
  it('each have their file', () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(TYPES)
        .map((type) => `${type}.json`)
        .sort(),
    );
  });

  it('say what is stored, and that it is gone', () => {
    const stored = golden('ArtifactStored');
    expect(fold(artifactDecider, [stored])).toEqual({ artifact: stored.data });
    expect(fold(artifactDecider, [stored, golden('ArtifactDeleted')])).toEqual({ artifact: null });
  });
});
