/** Binds a decider to its streams: read, fold, decide, append at the revision read. */
import { ProblemError, problem, type CallContext } from '@hybrid/contracts';
import { downcast, isRejection, type Decider, type Fact } from '@hybrid/decider';
import { activeTraceparent, withSpan } from '@hybrid/telemetry';
import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { append } from './appends.js';
import { whileUnavailable } from './retry.js';
import type { Snapshots } from './snapshots.js';
import { metadataOf, streamName, type StoredEvent } from './stored-event.js';
import { ThingReader } from './thing-reader.js';

/** A thing as its stream tells it. `revision` is that of its last event; none where there is no stream. */
export interface Thing<State> {
  state: State;
  revision: bigint | null;
}

export interface Handled<State, E extends Fact> extends Thing<State> {
  events: E[];
  /** Where the last new event stands in the whole log; none when nothing was appended. */
  position?: Position;
}

/** So many conflicts in a row on one thing, with pauses between them, mean that something is wrong with the caller, not with its luck. */
const MAX_CONFLICTS = 20;
/** The first conflicts are decided again at once. From then on those who are in each other's way draw lots, of as many turns. */
const PROMPT_CONFLICTS = 3;
const LONGEST_PAUSE_MS = 500;

export class Things<State, Command, E extends Fact> {
  private readonly reader: ThingReader<State, E>;

  /** @param snapshots where long things are kept folded; for nouns whose streams grow to thousands of events. */
  constructor(
    private readonly client: EventStoreDBClient,
    private readonly category: string,
    private readonly decider: Decider<State, Command, E>,
    snapshots?: Snapshots,
  ) {
    this.reader = new ThingReader(client, category, decider, snapshots);
  }

  /** The state now, strongly consistent. Another organisation's thing is not there: revision null, initial state. */
  async load(id: string, org: string): Promise<Thing<State>> {
    const { state, revision, ...thing } = await this.reader.read(id);
    // What no organisation wrote is nobody's: events of another hand, on which the next append stands.
    if (thing.org !== null && thing.org !== org) return { state: this.decider.initial, revision: null };
    return { state, revision };
  }

  /** The state now of whoever's thing it is; for those who ask whose it is. */
  async find(id: string): Promise<Thing<State> & { org: string | null }> {
    const { state, revision, org } = await this.reader.read(id);
    return { state, revision, org };
  }

  /** Every event of the thing that this version knows, oldest first; none where there is no stream. */
  history(id: string): Promise<StoredEvent<E>[]> {
    return this.reader.history(id);
  }

  /** One event of the thing; null where the organisation has no such event. */
  async eventAt(id: string, revision: number, org: string): Promise<E | null> {
    const [stored] = await this.reader.history(id, { fromRevision: BigInt(revision), maxCount: 1 });
    return stored && stored.metadata.org === org ? stored.event : null;
  }

  /**
   * Carries the command out. On a conflict the thing is read and decided again; a lost reply is made up for by
   * appending the same event ids at the same revision, which the store recognises.
   * @param known state and revision that the caller has already: saves the read. A stale one costs a conflict, never a
   * wrong answer: only what was appended is answered from it. Must be of the caller's organisation.
   * @throws ProblemError the decider's rejection; `conflict` after too many conflicts; `event_store_unavailable`.
   */
  async handle(
    id: string,
    command: Command,
    call: CallContext,
    known?: Thing<State>,
  ): Promise<Handled<State, E>> {
    return withSpan(`${this.category} decide`, { attributes: { 'hybrid.id': id } }, async () => {
      let thing = known ?? (await this.load(id, call.org));
      let fresh = !known;
      for (let conflicts = 0; conflicts < MAX_CONFLICTS;) {
        const begun = performance.now();
        const decision = this.decider.decide(command, thing.state);
        const refused = isRejection(decision);
        if (!fresh && (refused || decision.length === 0)) {
          // An old state may lead to an append, which the store checks, but not to an answer.
          thing = await this.load(id, call.org);
          fresh = true;
          continue;
        }
        if (refused)
          throw new ProblemError({
            kind: decision.kind,
            code: decision.rejected,
            detail: decision.detail,
          });
        if (decision.length === 0) return { ...thing, events: [] };
        const appended = await this.append(id, decision, thing.revision, call);
        if (appended) {
          if (appended.position) call.wrote?.(appended.position.commit);
          const state = decision.reduce((before, event) => this.decider.evolve(before, event), thing.state);
          const { lastId, ...where } = appended;
          this.reader.wentOn(id, thing.revision, { state, revision: where.revision, lastId });
          return { state, events: decision, ...where };
        }
        conflicts++;
        if (conflicts >= PROMPT_CONFLICTS) await pause(conflicts * (performance.now() - begun));
        thing = await this.load(id, call.org);
        fresh = true;
      }
      throw problem('conflict', 'conflict', `${this.category} ${id} changes too fast; try again`);
    });
  }

  private async append(id: string, events: E[], expected: bigint | null, call: CallContext) {
    return withSpan(
      `${this.category} append`,
      { kind: 'client', attributes: { 'db.system': 'eventstoredb' } },
      async () => {
        const metadata = metadataOf(call, activeTraceparent());
        // Ids that nobody else has: the store takes two appends with the same ids for one, and tells both that they won.
        const ids = events.map(() => randomUUID());
        const stream = streamName(this.category, id);
        const batch = events.map((event, index) => {
          const { type, data } = event;
          const older = downcast(this.decider.events, event);
          return {
            id: ids[index]!,
            type,
            data,
            metadata: older ? { ...metadata, downcast: older } : metadata,
          };
        });
        const appended = await whileUnavailable((deadline) =>
          append(this.client, { stream, expected, events: batch, deadline }),
        );
        return appended && { ...appended, lastId: ids.at(-1)! };
      },
    );
  }
}

function pause(longest: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, Math.random() * Math.min(longest, LONGEST_PAUSE_MS)));
}
