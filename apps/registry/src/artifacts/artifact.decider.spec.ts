import type { ArtifactView } from '@hybrid/contracts';
import { given } from '@hybrid/testing';
import { describe, it } from '@jest/globals';
import { artifactDecider, type ArtifactCommand, type ArtifactEvent } from './artifact.decider.js';

const now = '2026-01-01T00:00:00.000Z';
const artifact: ArtifactView = {
  execution_id: 'run-1',
  key: 'report',
  size: 3,
  sha256: 'a'.repeat(64),
  content_type: 'text/plain',
  created_at: now,
};
const store = (more: Partial<ArtifactView> = {}): ArtifactCommand => ({
  type: 'StoreArtifact',
  artifact: { ...artifact, ...more },
});
const remove: ArtifactCommand = { type: 'DeleteArtifact', now };
const stored: ArtifactEvent = { type: 'ArtifactStored', data: artifact };
const deleted: ArtifactEvent = { type: 'ArtifactDeleted', data: { at: now } };

describe('an artifact', () => {
  it('is stored once; the same bytes again change nothing', () => {
    given(artifactDecider).when(store()).then(stored);
    given(artifactDecider, stored)
      .when(store({ created_at: '2027-01-01T00:00:00.000Z' }))
      .thenNothing();
  });

  it('never changes its bytes', () => {
    given(artifactDecider, stored)
      .when(store({ sha256: 'b'.repeat(64) }))
      .thenRejected('artifact_exists');
  });

  it('is deleted once, and its address is free again', () => {
    given(artifactDecider).when(remove).thenRejected('artifact_not_found');
    given(artifactDecider, stored).when(remove).then(deleted);
    given(artifactDecider, stored, deleted).when(remove).thenRejected('artifact_not_found');
    given(artifactDecider, stored, deleted)
      .when(store({ sha256: 'b'.repeat(64) }))
      .thenTypes('ArtifactStored');
  });
});
