import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { artifactDecider, type ArtifactEvent } from './artifact.decider.js';

describe('stored events', () => {
  const golden = goldenEvents<ArtifactEvent>(join(import.meta.dirname, 'golden'), {
    ArtifactStored: true,
    ArtifactDeleted: true,
  });

  it('say what is stored, and that it is gone', () => {
    const stored = golden('ArtifactStored');
    expect(fold(artifactDecider, [stored])).toEqual({ artifact: stored.data });
    expect(fold(artifactDecider, [stored, golden('ArtifactDeleted')])).toEqual({ artifact: null });
  });
});
