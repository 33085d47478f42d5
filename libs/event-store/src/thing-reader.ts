/**
 * Reads things from their streams: a short one whole; a long one from the last state that is known, in memory or as a
 * snapshot. What is known is only a way to read less: the stream is always asked for what came after it, and whether
 * it is still the same stream.
 */
import { type EventStoreDBClient, StreamNotFoundError, type ResolvedEvent } from '@eventstore/db-client';
import type { Decider, Fact } from '@hybrid/decider';
import { understood } from './event-types.js';
import { whileUnavailable } from './retry.js';
import type { Snapshots } from './snapshots.js';
import { streamName, toStoredEvent, type StoredEvent } from './stored-event.js';

/** A stream folded up to an event. Ids are of events: the first tells streams apart, the last finds the place again. */
export interface Folded<State> {
  state: State;
  /** Null: no organisation wrote anything. Empty: more than one did, so that it is nobody's. */
  org: string | null;
  /** Of the last event; null where there is no stream. */
  revision: bigint | null;
  firstId: string | null;
  lastId: string | null;
}

const SIZES = {
  /** Events of a thing that is remembered: nearly all are shorter, and read as fast as in two pieces. */
  long: 200,
  /** States of long things in memory, each up to some hundred kilobytes. */
  remembered: 100,
  /** Events between snapshots: reading on over so many takes some 20 ms, and a snapshot is a write. */
  snapshotEvery: 500,
};

interface Range {
  fromRevision?: bigint;
  maxCount?: number;
}

type Remembered<State> = Folded<State> & { revision: bigint; lastId: string; kept: bigint };

export class ThingReader<State, E extends Fact> {
  /** Of long things; the one that was used last stands last. */
  private readonly remembered = new Map<string, Remembered<State>>();

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly category: string,
    private readonly decider: Pick<Decider<State, never, E>, 'initial' | 'events' | 'evolve'>,
    private readonly snapshots?: Snapshots,
    private readonly sizes = SIZES,
  ) {}

  /** @throws ProblemError `event_store_unavailable`. */
  async read(id: string): Promise<Folded<State>> {
    const known = this.remembered.get(id);
    if (known) {
      const [first, folded] = await Promise.all([this.events(id, { maxCount: 1 }), this.after(id, known)]);
      if (folded && first[0]?.event?.id === known.firstId) return this.remember(id, folded, known.kept);
      this.remembered.delete(id);
    }
    const head = await this.events(id, { maxCount: this.sizes.long });
    const begun = this.fold(this.nothing(), head);
    if (head.length < this.sizes.long) return begun;
    const snapshot = await this.snapshots?.find<State>(this.category, id);
    if (snapshot && snapshot.firstId === begun.firstId) {
      const folded = await this.after(id, snapshot);
      if (folded) return this.remember(id, folded, snapshot.revision!);
    }
    const whole = (await this.after(id, begun)) ?? this.fold(this.nothing(), await this.events(id, {}));
    return this.remember(id, whole, -1n);
  }

  /** The events that this version knows, oldest first. */
  async history(id: string, range: Range = {}): Promise<StoredEvent<E>[]> {
    const events = await this.events(id, range);
    return events.flatMap((resolved) => this.known(resolved) ?? []);
  }

  /** Takes over what an append led to, which saves the next read from reading it. */
  wentOn(id: string, from: bigint | null, to: { state: State; revision: bigint; lastId: string }): void {
    const known = this.remembered.get(id);
    if (known && known.revision === from) this.remember(id, { ...known, ...to }, known.kept);
  }

  /** What is known, and what came after it; null where its last event is not at its place any more. */
  private async after(id: string, known: Folded<State>): Promise<Folded<State> | null> {
    const [last, ...news] = await this.events(id, { fromRevision: known.revision ?? undefined });
    return last?.event?.id === known.lastId ? this.fold(known, news) : null;
  }

  private remember(id: string, folded: Folded<State>, kept: bigint): Folded<State> {
    const { revision, lastId } = folded;
    this.remembered.delete(id);
    if (revision === null || lastId === null) return folded;
    const due = this.snapshots !== undefined && revision - kept >= this.sizes.snapshotEvery;
    this.remembered.set(id, { ...folded, revision, lastId, kept: due ? revision : kept });
    if (this.remembered.size > this.sizes.remembered)
      this.remembered.delete(this.remembered.keys().next().value!);
    if (due) void this.snapshots?.keep(this.category, id, folded);
    return folded;
  }

  private nothing(): Folded<State> {
    return { state: this.decider.initial, org: null, revision: null, firstId: null, lastId: null };
  }

  private fold(from: Folded<State>, events: ResolvedEvent[]): Folded<State> {
    let { state, org, revision, firstId, lastId } = from;
    for (const resolved of events) {
      const { event: recorded } = resolved;
      if (!recorded) continue;
      firstId ??= recorded.id;
      lastId = recorded.id;
      revision = recorded.revision;
      const stored = toStoredEvent(resolved);
      if (!stored) continue;
      org = org === null || org === stored.metadata.org ? stored.metadata.org : '';
      const known = understood(this.decider.events, stored);
      if (known) state = this.decider.evolve(state, known.event);
    }
    return { state, org, revision, firstId, lastId };
  }

  private known(resolved: ResolvedEvent): StoredEvent<E> | null {
    const stored = toStoredEvent(resolved);
    return stored && understood(this.decider.events, stored);
  }

  private events(id: string, range: Range): Promise<ResolvedEvent[]> {
    return whileUnavailable(async (deadline) => {
      const events: ResolvedEvent[] = [];
      const stream = streamName(this.category, id);
      try {
        for await (const resolved of this.client.readStream(stream, { ...range, deadline }))
          events.push(resolved);
      } catch (error) {
        if (!(error instanceof StreamNotFoundError)) throw error;
      }
      return events;
    });
  }
}
