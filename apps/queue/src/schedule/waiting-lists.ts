/** The waiting jobs of a pool in lists of their like, so that what is true of all of a list is looked at once. */
import type { PoolPause } from '@hybrid/contracts';
import type { ConcurrencyGroup, GroupMember } from './concurrency-group.js';
import { JobsByArrival } from './jobs-by-arrival.js';
import { Turn } from './turn.js';

export interface WaitingJob extends GroupMember {
  readonly org: string;
  readonly list: WaitingList;
  /** It is not in its list: a decision of this schedule fell on it. */
  decision: DecisionMade | null;
  /** It is not in its list either: somebody else has it, which the log does not show yet. */
  lost: boolean;
}

export interface DecisionMade {
  turn: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** Of its group, until then. */
  groupChanges: number;
  /** The log has told something of the job since. */
  outdated: boolean;
}

/** Jobs that the same agents can run while the same group has room. */
export interface Shape {
  readonly key: string;
  readonly labels: [name: string, value: string][];
  readonly capabilities: string[];
  readonly group: ConcurrencyGroup | null;
  readonly lists: Map<string, WaitingList>;
}

/** Jobs of one shape, priority and pipeline. Stays while a job of it waits or is about to be claimed. */
export interface WaitingList {
  readonly key: string;
  readonly pool: Pool;
  readonly shape: Shape;
  /** Index of the priority. */
  readonly rank: number;
  readonly turn: Turn;
  readonly jobs: JobsByArrival<WaitingJob>;
  members: number;
}

export interface Traits {
  rank: number;
  pipelineId: string | null;
  labels: Record<string, string>;
  capabilities: string[];
  group: ConcurrencyGroup | null;
}

export class Pool {
  pause: PoolPause | null = null;
  readonly shapes = new Map<string, Shape>();
  private readonly turns = new Map<string | null, Turn>();

  constructor(readonly name: string) {}

  turn(pipelineId: string | null): Turn {
    let turn = this.turns.get(pipelineId);
    if (!turn) this.turns.set(pipelineId, (turn = new Turn()));
    return turn;
  }

  /** The list that a job with these traits belongs to, with one member more. */
  enter(traits: Traits): WaitingList {
    const shape = this.shape(traits);
    const { rank, pipelineId } = traits;
    const key = pipelineId === null ? `${rank}` : `${rank} ${pipelineId}`;
    let list = shape.lists.get(key);
    if (!list) {
      list = {
        key,
        pool: this,
        shape,
        rank,
        turn: this.turn(pipelineId),
        jobs: new JobsByArrival(),
        members: 0,
      };
      shape.lists.set(key, list);
    }
    list.members++;
    return list;
  }

  leave(job: WaitingJob): void {
    const { list } = job;
    list.jobs.remove(job);
    if (--list.members > 0) return;
    list.shape.lists.delete(list.key);
    if (list.shape.lists.size === 0) this.shapes.delete(list.shape.key);
  }

  private shape({ labels, capabilities, group }: Traits): Shape {
    const wanted = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1));
    const key =
      wanted.length + capabilities.length === 0 && !group
        ? ''
        : JSON.stringify([wanted, [...capabilities].sort(), group?.name]);
    let shape = this.shapes.get(key);
    if (!shape) {
      shape = { key, labels: wanted, capabilities, group, lists: new Map() };
      this.shapes.set(key, shape);
    }
    return shape;
  }
}
