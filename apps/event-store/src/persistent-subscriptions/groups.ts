/** All groups of the store: made, changed, ended one after the other, each change on disk before it shows. */
import type { EventStore } from '../store/event-store.js';
import { StoreClosedError } from '../store/store-errors.js';
import type { WriteOutcome } from '../store/write-transaction.js';
import { checkpointStream, deleteBookkeeping } from './bookkeeping.js';
import { loadDefinitions, saveDefinitions } from './group-config.js';
import { GroupError } from './group-errors.js';
import { ALL, keyOf, refuseUnfit, type GroupDefinition } from './group-settings.js';
import { firstNumber, sourceOf } from './group-source.js';
import { RunningGroup } from './running-group.js';

/** A quarter of EventStoreDB's second: a time-out is seen at most so much later. */
const TICK_MS = 250;
/** Checkpoint and parked streams are named after the group; a name is a key, and keys end near 2,000 bytes. */
const MAX_NAME_BYTES = 1024;

/** What a request says of a group; the rest of the definition follows from the store. */
export type GroupRequest = Omit<GroupDefinition, 'first'>;

export class Groups {
  private groups = new Map<string, RunningGroup>();
  private changing: Promise<unknown> = Promise.resolve();
  private stopped = false;
  private readonly ticks: NodeJS.Timeout;

  /** Starts the groups that the store knows. Throws DamagedRecordError. */
  constructor(private readonly store: EventStore) {
    this.start();
    this.ticks = setInterval(() => {
      for (const group of this.groups.values()) group.tick();
    }, TICK_MS);
    this.ticks.unref();
  }

  /** All groups, or those on a stream; ordered by stream. */
  list(stream?: string): RunningGroup[] {
    const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
    return [...this.groups.values()]
      .filter(({ definition }) => stream === undefined || definition.stream === stream)
      .sort((a, b) => compare(a.definition.stream, b.definition.stream));
  }

  /** Throws GroupError 'does-not-exist'. */
  get(stream: string, group: string): RunningGroup {
    const found = this.groups.get(keyOf({ stream, group }));
    if (!found) throw new GroupError('does-not-exist', stream, group);
    return found;
  }

  /** Rejects with GroupError 'exists' or 'failed', BadFilterError, or as `store.write`. */
  create(request: GroupRequest): Promise<void> {
    return this.change(async () => {
      this.refuse(request);
      const key = keyOf(request);
      if (this.groups.has(key)) throw new GroupError('exists', request.stream, request.group);
      const first = firstNumber(sourceOf(this.store, request), request.startFrom);
      await this.save(request, [...this.definitions(), { ...request, first }]);
      this.groups.set(key, new RunningGroup(this.store, { ...request, first }));
    });
  }

  /**
   * Drops the consumers and starts the group anew with other settings, behind its checkpoint if it has one. A filter
   * stays as it is. Rejects with GroupError 'does-not-exist' or 'failed', or as `store.write`.
   */
  update(request: Omit<GroupRequest, 'filter'>): Promise<void> {
    return this.change(async () => {
      const { stream, group, startFrom } = request;
      const before = this.get(stream, group);
      const { filter, first: firstBefore, startFrom: startBefore } = before.definition;
      this.refuse({ ...request, filter });
      // Still from the end that it was made at: a new end would skip what came since.
      const first =
        startFrom === 'end' && startBefore === 'end' ? firstBefore : firstNumber(before.source, startFrom);
      const definition = { ...request, filter, first };
      await this.save(
        request,
        this.definitions().map((each) => (each === before.definition ? definition : each)),
      );
      await before.stop();
      this.groups.set(before.key, new RunningGroup(this.store, definition));
    });
  }

  /** Drops the consumers and forgets checkpoint and parked messages. Rejects as `update`. */
  delete(stream: string, group: string): Promise<void> {
    return this.change(async () => {
      const gone = this.get(stream, group);
      await gone.stop();
      try {
        await this.save(
          gone.definition,
          this.definitions().filter((each) => each !== gone.definition),
          gone.key,
        );
        this.groups.delete(gone.key);
      } catch (error) {
        this.groups.set(gone.key, new RunningGroup(this.store, gone.definition));
        throw error;
      }
    });
  }

  /** Drops all consumers and starts all groups anew from what is on disk. Rejects with DamagedRecordError. */
  restart(): Promise<void> {
    return this.change(async () => {
      await this.stopAll();
      this.start();
    });
  }

  /** Drops all consumers; resolves when nothing more is written. */
  async stop(): Promise<void> {
    clearInterval(this.ticks);
    await this.change(async () => {
      this.stopped = true;
      await this.stopAll();
    });
  }

  private start(): void {
    const definitions = [...loadDefinitions(this.store).values()];
    this.groups = new Map(
      definitions.map((each) => [keyOf(each), new RunningGroup(this.store, each)] as const),
    );
  }

  private async stopAll(): Promise<void> {
    await Promise.all([...this.groups.values()].map((group) => group.stop()));
  }

  private definitions(): GroupDefinition[] {
    return [...this.groups.values()].map(({ definition }) => definition);
  }

  private change<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.changing.then(() => {
      if (this.stopped) throw new StoreClosedError();
      return work();
    });
    this.changing = result.catch(() => undefined);
    return result;
  }

  private async save(
    { stream, group }: Pick<GroupRequest, 'stream' | 'group'>,
    definitions: GroupDefinition[],
    forget?: string,
  ): Promise<void> {
    const outcome: WriteOutcome = await saveDefinitions(this.store, definitions, (transaction) => {
      if (forget !== undefined) deleteBookkeeping(this.store, transaction, forget);
    });
    if (outcome.kind !== 'done')
      throw new GroupError(
        'failed',
        stream,
        group,
        'The stream $persistentSubscriptionConfig was deleted for good; groups can no longer be kept.',
      );
  }

  private refuse({ stream, group, settings, startFrom }: GroupRequest): void {
    const refuse = (reason: string): never => {
      throw new GroupError('failed', stream, group, reason);
    };
    refuseUnfit(stream, group, settings);
    const length = Buffer.byteLength(checkpointStream(keyOf({ stream, group })));
    if (length > MAX_NAME_BYTES)
      refuse(`The names of stream and group are ${length - MAX_NAME_BYTES} bytes too long together.`);
    if (startFrom !== 'end' && startFrom < 0n)
      refuse('Invalid Start From position: event number must be greater than or equal to -1.');
    if (stream === ALL && startFrom !== 'end' && startFrom > BigInt(this.store.lastPosition))
      refuse(
        'Invalid Start From position: commit position must be less than or equal to the last commit position in the transaction file.',
      );
  }
}
