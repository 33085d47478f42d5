/** An artifact: stored once under its address, never changed, deleted at last; then the address is free again. */
import type { ArtifactView } from '@hybrid/contracts';
import { reject, type Decider, type EventTypes, type Rejection } from '@hybrid/decider';

export type ArtifactEvent =
  | { type: 'ArtifactStored'; data: ArtifactView }
  /** The reason is left out where somebody asked for it. */
  | { type: 'ArtifactDeleted'; data: { at: string; reason?: 'expired' } };

const artifactEvents: EventTypes<ArtifactEvent> = {
  today: { ArtifactStored: true, ArtifactDeleted: true },
};

export interface ArtifactState {
  /** Null: nothing is stored here. */
  artifact: ArtifactView | null;
}

export type ArtifactCommand =
  | { type: 'StoreArtifact'; artifact: ArtifactView }
  | { type: 'DeleteArtifact'; now: string }
  | { type: 'ExpireArtifact'; now: string };

export const artifactDecider: Decider<ArtifactState, ArtifactCommand, ArtifactEvent> = {
  initial: { artifact: null },
  events: artifactEvents,
  decide,
  evolve,
};

function decide(command: ArtifactCommand, { artifact }: ArtifactState): ArtifactEvent[] | Rejection {
  switch (command.type) {
    case 'StoreArtifact':
      if (!artifact) return [{ type: 'ArtifactStored', data: command.artifact }];
      return artifact.sha256 === command.artifact.sha256
        ? []
        : reject(
            'artifact_exists',
            `${artifact.execution_id}/${artifact.key} is stored already with other bytes: use another key, or delete it first`,
          );
    case 'DeleteArtifact':
      if (!artifact) return reject('artifact_not_found', 'there is no such artifact', 'not_found');
      return [{ type: 'ArtifactDeleted', data: { at: command.now } }];
    case 'ExpireArtifact':
      // It may have been deleted meanwhile, and stored anew.
      if (!artifact?.expires_at || artifact.expires_at > command.now) return [];
      return [{ type: 'ArtifactDeleted', data: { at: command.now, reason: 'expired' } }];
  }
}

function evolve(_state: ArtifactState, event: ArtifactEvent): ArtifactState {
  switch (event.type) {
    case 'ArtifactStored':
      return { artifact: event.data };
    case 'ArtifactDeleted':
      return { artifact: null };
  }
}
