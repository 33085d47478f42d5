/** Binds a decider to its streams: read, fold, decide, append at the revision read. */
import { ProblemError, problem, type CallContext } from '@hybrid/contracts';
import { isRejection, type Decider, type Fact } from '@hybrid/decider';
import { activeTraceparent, withSpan } from '@hybrid/telemetry';
import {
  type EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  type Position,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { metadataOf, streamName, toStoredEvent, type StoredEvent } from './stored-event.js';

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

/** Ten conflicts in a row on one thing mean that something is wrong with the caller, not with its luck. */
const MAX_CONFLICTS = 10;
/** How long an append is repeated while the event store does not answer: below the callers' five seconds. */
const RETRY_FOR_MS = 4_000;
/** One try: the client waits for ever for a read, and for the reply to an append, from a server that fell silent. */
const TRY_MS = 3_000;

export class Things<State, Command, E extends Fact> {
  constructor(
    private readonly client: EventStoreDBClient,
    private readonly category: string,
    private readonly decider: Decider<State, Command, E>,
  ) {}

  /** The state now, strongly consistent. Another organisation's thing is not there: revision null, initial state. */
  async load(id: string, org: string): Promise<Thing<State>> {
    let { state, revision }: Thing<State> = { state: this.decider.initial, revision: null };
    for (const stored of await this.history(id)) {
      if (stored.metadata.org !== org) return { state: this.decider.initial, revision: null };
      state = this.decider.evolve(state, stored.event);
      revision = stored.revision;
    }
    return { state, revision };
  }

  /** Every event of the thing, oldest first; none where there is no stream. */
  history(id: string): Promise<StoredEvent<E>[]> {
    return this.read(id, {});
  }

  private async read(
    id: string,
    range: { fromRevision?: bigint; maxCount?: number },
  ): Promise<StoredEvent<E>[]> {
    return whileUnavailable(async (deadline) => {
      const events: StoredEvent<E>[] = [];
      try {
        for await (const resolved of this.client.readStream(streamName(this.category, id), {
          ...range,
          deadline,
        })) {
          const stored = toStoredEvent<E>(resolved);
          if (stored) events.push(stored);
        }
      } catch (error) {
        if (!(error instanceof StreamNotFoundError)) throw error;
      }
      return events;
    });
  }

  /** One event of the thing; null where the organisation has no such event. */
  async eventAt(id: string, revision: number, org: string): Promise<E | null> {
    const [stored] = await this.read(id, { fromRevision: BigInt(revision), maxCount: 1 });
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
          const state = decision.reduce((before, event) => this.decider.evolve(before, event), thing.state);
          return { state, events: decision, ...appended };
        }
        conflicts++;
        thing = await this.load(id, call.org);
        fresh = true;
      }
      throw problem('conflict', 'conflict', `${this.category} ${id} changes too fast; try again`);
    });
  }

  private async append(id: string, events: E[], revision: bigint | null, call: CallContext) {
    return withSpan(
      `${this.category} append`,
      { kind: 'client', attributes: { 'db.system': 'eventstoredb' } },
      async () => {
        const metadata = metadataOf(call, activeTraceparent());
        const batch = events.map(({ type, data }) =>
          jsonEvent({ id: randomUUID(), type, data, metadata } as never),
        );
        try {
          const result = await whileUnavailable((deadline) =>
            this.client.appendToStream(streamName(this.category, id), batch, {
              expectedRevision: revision ?? NO_STREAM,
              deadline,
            }),
          );
          return { revision: result.nextExpectedRevision, position: result.position };
        } catch (error) {
          if (error instanceof WrongExpectedVersionError) return null;
          throw error;
        }
      },
    );
  }
}

/**
 * Repeats what may be repeated while the event store is away; `work` is told how many milliseconds it has.
 * @throws ProblemError `event_store_unavailable`; the last try may still be carried out.
 */
async function whileUnavailable<T>(work: (deadline: number) => Promise<T>): Promise<T> {
  const end = performance.now() + RETRY_FOR_MS;
  for (let pause = 25; ; pause = Math.min(pause * 2, 400)) {
    const left = end - performance.now();
    try {
      return await within(Math.max(pause, Math.min(TRY_MS, left)), work);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      if (performance.now() + pause > end)
        throw new ProblemError(
          {
            kind: 'unavailable',
            code: 'event_store_unavailable',
            detail: 'the event store does not answer; try again',
          },
          { cause: error },
        );
    }
    await new Promise((wake) => setTimeout(wake, pause));
  }
}

/** Nothing came back in time. */
class NoReplyError extends Error {
  readonly type = 'timeout';
  constructor(ms: number) {
    super(`the event store did not reply within ${Math.round(ms)} ms`);
    this.name = 'NoReplyError';
  }
}

async function within<T>(ms: number, work: (deadline: number) => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoReplyError(ms)), ms);
  });
  try {
    return await Promise.race([work(ms), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The client has classes for some of the ways in which a server can be away, and bare gRPC errors for others. */
const UNAVAILABLE_TYPES = new Set(['unavailable', 'deadline-exceeded', 'cancelled', 'not-leader', 'timeout']);
const UNAVAILABLE_CODES = new Set([1, 4, 14]);

function isUnavailable(error: unknown): boolean {
  const { type, code } = error as { type?: string; code?: number };
  return (
    (type !== undefined && UNAVAILABLE_TYPES.has(type)) || (code !== undefined && UNAVAILABLE_CODES.has(code))
  );
}
