/**
 * The definitions of all groups, kept as EventStoreDB keeps them: one event with all of them in
 * `$persistentSubscriptionConfig`, so that a start reads one event however long the history is.
 */
import type { EventStore } from '../store/event-store.js';
import type { WriteOutcome, WriteTransaction } from '../store/write-transaction.js';
import { lastEvent, replaceLast } from './bookkeeping.js';
import { STRATEGIES, type StrategyName } from './consumer-strategy.js';
import { ALL, keyOf, type GroupDefinition } from './group-settings.js';
import { sourceOf } from './group-source.js';

const STREAM = '$persistentSubscriptionConfig';

/** EventStoreDB's entry, and with it `first`. */
interface Entry {
  stream: string;
  group: string;
  filter?: { context: 'StreamId' | 'EventType'; type: 'Regex' | 'Prefix'; data: string[] };
  resolveLinkTos: boolean;
  extraStatistics: boolean;
  messageTimeout: number;
  startPosition: string;
  first: number;
  liveBufferSize: number;
  historyBufferSize: number;
  maxRetryCount: number;
  readBatchSize: number;
  checkPointAfter: number;
  minCheckPointCount: number;
  maxCheckPointCount: number;
  maxSubscriberCount: number;
  namedConsumerStrategy: StrategyName;
}

/** All groups there are, by key. What cannot be read is told on stderr and left out. Throws DamagedRecordError. */
export function loadDefinitions(store: EventStore): Map<string, GroupDefinition> {
  const data = lastEvent(store, STREAM);
  const definitions = new Map<string, GroupDefinition>();
  for (const entry of data ? entriesOf(data) : []) {
    if (isEntry(entry)) {
      const definition = fromEntry(entry);
      definitions.set(keyOf(definition), definition);
    } else complain(`a group is left out: ${JSON.stringify(entry)}`);
  }
  return definitions;
}

/** Keeps `definitions`, and in the same transaction does `more`; resolves when both are on disk. Rejects as `store.write`. */
export function saveDefinitions(
  store: EventStore,
  definitions: Iterable<GroupDefinition>,
  more?: (transaction: WriteTransaction) => void,
): Promise<WriteOutcome> {
  const entries = [...definitions].map((definition) => toEntry(store, definition));
  const config = { version: '2', updated: new Date().toISOString(), entries };
  return replaceLast(store, STREAM, '$PersistentConfig', config, {}, more);
}

function entriesOf(data: Uint8Array): unknown[] {
  try {
    const { entries } = JSON.parse(Buffer.from(data).toString()) as { entries?: unknown };
    if (Array.isArray(entries)) return entries as unknown[];
  } catch (error) {
    complain(`it is not JSON (${String(error)})`);
    return [];
  }
  complain('it has no entries');
  return [];
}

function complain(what: string): void {
  process.stderr.write(
    `event-store: the last event of ${STREAM}, which somebody else wrote, cannot be used: ${what}. Create the groups again.\n`,
  );
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Entry>;
  return (
    typeof entry.stream === 'string' &&
    typeof entry.group === 'string' &&
    typeof entry.startPosition === 'string' &&
    Number.isSafeInteger(entry.first) &&
    STRATEGIES.some((name) => name === entry.namedConsumerStrategy)
  );
}

function toEntry(store: EventStore, definition: GroupDefinition): Entry {
  const { stream, group, filter, settings, startFrom, first } = definition;
  return {
    ...{ stream, group, first },
    filter: filter && {
      context: filter.on === 'stream' ? 'StreamId' : 'EventType',
      type: filter.regex ? 'Regex' : 'Prefix',
      data: filter.regex ? [filter.regex] : [...filter.prefixes],
    },
    startPosition: sourceOf(store, definition).format(startFrom === 'end' ? -1 : startFrom),
    resolveLinkTos: settings.resolveLinks,
    extraStatistics: settings.extraStatistics,
    messageTimeout: settings.messageTimeoutMs,
    liveBufferSize: settings.liveBufferSize,
    historyBufferSize: settings.historyBufferSize,
    maxRetryCount: settings.maxRetryCount,
    readBatchSize: settings.readBatchSize,
    checkPointAfter: Number.isFinite(settings.checkpointAfterMs) ? settings.checkpointAfterMs : 0,
    minCheckPointCount: settings.minCheckpointCount,
    maxCheckPointCount: settings.maxCheckpointCount,
    maxSubscriberCount: settings.maxSubscriberCount,
    namedConsumerStrategy: settings.consumerStrategy,
  };
}

function fromEntry(entry: Entry): GroupDefinition {
  const { stream, group, filter, first, startPosition } = entry;
  const start = /-?\d+/.exec(startPosition)?.[0] ?? '0';
  return {
    ...{ stream, group, first },
    filter:
      stream === ALL && filter
        ? {
            on: filter.context === 'StreamId' ? 'stream' : 'type',
            regex: filter.type === 'Regex' ? (filter.data[0] ?? '') : '',
            prefixes: filter.type === 'Prefix' ? filter.data : [],
          }
        : undefined,
    startFrom: start === '-1' ? 'end' : BigInt(start),
    settings: {
      resolveLinks: entry.resolveLinkTos,
      extraStatistics: entry.extraStatistics,
      messageTimeoutMs: entry.messageTimeout,
      maxRetryCount: entry.maxRetryCount,
      checkpointAfterMs: entry.checkPointAfter === 0 ? Infinity : entry.checkPointAfter,
      minCheckpointCount: entry.minCheckPointCount,
      maxCheckpointCount: entry.maxCheckPointCount,
      maxSubscriberCount: entry.maxSubscriberCount,
      liveBufferSize: entry.liveBufferSize,
      readBatchSize: entry.readBatchSize,
      historyBufferSize: entry.historyBufferSize,
      consumerStrategy: entry.namedConsumerStrategy,
    },
  };
}
