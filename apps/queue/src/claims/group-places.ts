/** Places in concurrency groups: the event store holds the limit, whatever the schedule of a replica believes. */
import { ProblemError, type CallContext } from '@hybrid/contracts';
import { Snapshots, Things, type Thing } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { v5 as uuidv5 } from 'uuid';
import {
  JOB_GROUP_FOLD,
  jobGroupDecider,
  type JobGroupState,
  type TakeSlot,
} from '../groups/job-group.decider.js';
import { jobGroupEvents, type JobGroupEvent } from '../groups/job-group.events.js';
import { nextSlot, slotFate, type Slot } from '../groups/slot.js';
import { ASK_AGAIN_MS } from '../schedule/concurrency-group.js';
import { JobIndex } from '../jobs/job-index.js';
import { jobDecider, type JobCommand } from '../jobs/job.decider.js';
import type { JobEvent } from '../jobs/job.events.js';
import type { JobState } from '../jobs/job.state.js';

const GROUPS = '4c0a3f62-5d0e-4a55-9b0e-6a5f7f0c2b11';
/**
 * A claim that was seen between its two appends for so long broke off. The next look after a refusal shall find it so.
 * Too short only costs a claim that is under way, which is then made again.
 */
const BROKEN_OFF_MS = ASK_AGAIN_MS - 500;
/** More than there are claims that break off in the time of one. */
const MAX_CLAIMING = 1_000;
/** Groups, each of at most some kilobytes. */
const MAX_KNOWN = 1_000;
/** Others take the places that this one finds free: then it is their turn. */
const TRIES = 3;

@Injectable()
export class GroupPlaces {
  private readonly groups: Things<JobGroupState, TakeSlot, JobGroupEvent>;
  private readonly jobs: Things<JobState, JobCommand, JobEvent>;
  /** When a place was first seen whose job still waits; as performance.now() counts. */
  private readonly claiming = new Map<string, number>();

  /** The last one that asked for a place of each group; never fails. */
  private readonly underWay = new Map<string, Promise<void>>();
  /** As this replica last saw it; a stale one costs a conflict. The one that was used last stands last. */
  private readonly known = new Map<string, Thing<JobGroupState>>();

  constructor(
    connections: Connections,
    private readonly index: JobIndex,
  ) {
    const { eventStore, pool } = connections;
    const snapshots = new Snapshots(pool, 'queue', JOB_GROUP_FOLD, jobGroupEvents);
    this.groups = new Things(eventStore, 'jobGroup', jobGroupDecider, snapshots);
    this.jobs = new Things(eventStore, 'job', jobDecider);
  }

  /** The place that a claim of the job needs; null when the group is full. @throws ProblemError `slot_outdated`: the job is not what it was. */
  async take(jobId: string, job: JobState, call: CallContext): Promise<Slot | null> {
    const id = jobGroupId(call.org, job.job!.concurrency!.group);
    // One after the other: side by side they would only be in each other's way.
    const before = this.underWay.get(id);
    const taking = (async () => {
      await before;
      return this.takeNext(id, jobId, job, call);
    })();
    const ended = taking.then(nothing, nothing);
    this.underWay.set(id, ended);
    try {
      return await taking;
    } finally {
      if (this.underWay.get(id) === ended) this.underWay.delete(id);
    }
  }

  private async takeNext(id: string, jobId: string, job: JobState, call: CallContext): Promise<Slot | null> {
    const { group, limit: own } = job.job!.concurrency!;
    const limit = this.index.schedule.groupLimit(jobId) ?? own;
    const slot = nextSlot(jobId, job);
    let released: Slot[] = [];
    for (let tries = 0; tries < TRIES; tries++) {
      const now = new Date(this.index.now()).toISOString();
      try {
        const take: TakeSlot = { type: 'TakeSlot', group, slot, limit, released, now };
        const { state, revision } = await this.groups.handle(id, take, call, this.known.get(id));
        this.remember(id, { state, revision });
        return slot;
      } catch (error) {
        if (!(error instanceof ProblemError && error.problem.code === 'group_full')) throw error;
      }
      const { state, revision } = await this.groups.load(id, call.org);
      this.remember(id, { state, revision });
      const over = await Promise.all(state.holders.map((holder) => this.isOver(holder, group, call)));
      released = state.holders.filter((_, index) => over[index]);
      if (released.length === 0) return null;
    }
    return null;
  }

  private remember(id: string, group: Thing<JobGroupState>): void {
    this.known.delete(id);
    this.known.set(id, group);
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
  }

  private async isOver(slot: Slot, group: string, call: CallContext): Promise<boolean> {
    const key = `${slot.job_id} ${slot.attempt} ${slot.revoked}`;
    const { state } = await this.jobs.load(slot.job_id, call.org);
    const fate = slotFate(slot, state);
    if (fate !== 'claiming') {
      this.claiming.delete(key);
      return fate === 'over';
    }
    const since = this.claiming.get(key) ?? performance.now();
    if (this.claiming.size > MAX_CLAIMING) this.claiming.clear();
    this.claiming.set(key, since);
    if (performance.now() - since < BROKEN_OFF_MS) return false;
    const now = new Date(this.index.now()).toISOString();
    const revoked = await this.jobs.handle(slot.job_id, { type: 'RevokeSlot', group, slot, now }, call);
    this.claiming.delete(key);
    return slotFate(slot, revoked.state) === 'over';
  }
}

/** Of stream `jobGroup-<id>`. */
export function jobGroupId(org: string, group: string): string {
  return uuidv5(`${org}\n${group}`, GROUPS);
}

function nothing(): void {}
