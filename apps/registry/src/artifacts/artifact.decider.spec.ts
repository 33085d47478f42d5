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

  it('expires at its time, and not before', () => {
    const expiring: ArtifactEvent = {
      type: 'ArtifactStored',
      data: { ...artifact, expires_at: '2026-01-08T00:00:00.000Z' },
    };
    const expire = (at: string): ArtifactCommand => ({ type: 'ExpireArtifact', now: at });
    const after = '2026-01-08T00:00:00.000Z';
    given(artifactDecider, expiring).when(expire('2026-01-07T23:59:59.999Z')).thenNothing();
    given(artifactDecider, expiring)
      .when(expire(after))
      .then({ type: 'ArtifactDeleted', data: { at: after, reason: 'expired' } });
    given(artifactDecider, stored).when(expire('2099-01-01T00:00:00.000Z')).thenNothing();
    given(artifactDecider).when(expire(after)).thenNothing();
    given(artifactDecider, expiring, deleted).when(expire(after)).thenNothing();
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
