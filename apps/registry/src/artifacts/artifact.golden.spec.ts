import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { artifactDecider } from './artifact.decider.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), artifactDecider, {
    version: 2,
    digest: '5d1de7bcbee1b1ec',
  });

  it('say what is stored, and that it is gone', () => {
    const stored = golden('ArtifactStored');
    expect(fold(artifactDecider, [stored])).toEqual({ artifact: stored.data });
    expect(fold(artifactDecider, [stored, golden('ArtifactDeleted')])).toEqual({ artifact: null });
  });
});
