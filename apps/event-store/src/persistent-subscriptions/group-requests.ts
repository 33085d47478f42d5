/** Reads what the requests about groups say. */
import type pb from '@eventstore/db-client/generated/persistent_pb.js';
import type shared from '@eventstore/db-client/generated/shared_pb.js';
import { compileFilter, type FilterExpression } from '../store/event-filter.js';
import { STRATEGIES, type StrategyName } from './consumer-strategy.js';
import { GroupError } from './group-errors.js';
import { ALL, type GroupSettings, type StartFrom } from './group-settings.js';
import type { GroupRequest } from './groups.js';

/** The names behind the numbers that older clients send. */
const BY_NUMBER: readonly StrategyName[] = ['DispatchToSingle', 'RoundRobin', 'Pinned'];
const TICKS_PER_MS = 10_000;

type Options = pb.CreateReq.Options | pb.UpdateReq.Options;
type Settings = pb.CreateReq.Settings | pb.UpdateReq.Settings;

/** Throws GroupError 'failed' and BadFilterError. */
export function createRequest(options: pb.CreateReq.Options | undefined): GroupRequest {
  const filter = options?.getAll()?.getFilter();
  const expression = filter && filterOf(filter);
  const named = options?.getSettings()?.getConsumerStrategy();
  return { ...updateRequest(options, named), filter: expression };
}

/** Throws GroupError 'failed'. */
export function updateRequest(options: Options | undefined, strategy?: string): Omit<GroupRequest, 'filter'> {
  const group = options?.getGroupName() ?? '';
  const stream = targetOf(options, group);
  const settings = options?.getSettings();
  if (!options || !settings) throw new GroupError('failed', stream, group, 'The request has no settings.');
  return {
    ...{ stream, group },
    settings: settingsOf(stream, group, settings, strategy),
    startFrom: startOf(stream, group, options, settings),
  };
}

/** The stream that is named, or $all. Throws GroupError 'failed' for a name that no group can have. */
export function groupStream(identifier: shared.StreamIdentifier | undefined, group: string): string {
  const name = Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();
  if (name === '') throw new GroupError('failed', name, group, 'Bad stream name.');
  if (name === ALL)
    throw new GroupError(
      'failed',
      name,
      group,
      'A group on $all is asked for as such, not by a stream name.',
    );
  return name;
}

function targetOf(options: Options | undefined, group: string): string {
  if (options?.hasAll()) return ALL;
  return groupStream(options?.getStream()?.getStreamIdentifier() ?? options?.getStreamIdentifier(), group);
}

function startOf(stream: string, group: string, options: Options, settings: Settings): StartFrom {
  const all = options.getAll();
  if (all) {
    if (!all.hasPosition()) return all.hasEnd() ? 'end' : 0n;
    const commit = BigInt(all.getPosition()?.getCommitPosition() ?? 0);
    if (BigInt(all.getPosition()?.getPreparePosition() ?? 0) > commit)
      throw new GroupError(
        ...(['failed', stream, group] as const),
        'Invalid Start From position: prepare position must be less than or equal to the commit position.',
      );
    return commit;
  }
  const one = options.getStream();
  if (one && !one.hasRevision()) return one.hasEnd() ? 'end' : 0n;
  const revision = BigInt.asIntN(64, BigInt(one ? one.getRevision() : settings.getRevision()));
  return revision === -1n ? 'end' : revision;
}

function settingsOf(stream: string, group: string, settings: Settings, named?: string): GroupSettings {
  const strategy = named || BY_NUMBER[settings.getNamedConsumerStrategy()];
  const consumerStrategy = STRATEGIES.find((name) => name === strategy);
  if (!consumerStrategy)
    throw new GroupError(
      ...(['failed', stream, group] as const),
      `Consumer strategy ${strategy} does not exist; choose one of ${STRATEGIES.join(', ')}.`,
    );
  const checkpointAfterMs = settings.hasCheckpointAfterTicks()
    ? Math.trunc(Number(settings.getCheckpointAfterTicks()) / TICKS_PER_MS)
    : settings.getCheckpointAfterMs();
  return {
    resolveLinks: settings.getResolveLinks(),
    extraStatistics: settings.getExtraStatistics(),
    messageTimeoutMs: settings.hasMessageTimeoutTicks()
      ? Math.trunc(Number(settings.getMessageTimeoutTicks()) / TICKS_PER_MS)
      : settings.getMessageTimeoutMs(),
    maxRetryCount: settings.getMaxRetryCount(),
    checkpointAfterMs: checkpointAfterMs === 0 ? Infinity : checkpointAfterMs,
    minCheckpointCount: settings.getMinCheckpointCount(),
    maxCheckpointCount: settings.getMaxCheckpointCount(),
    maxSubscriberCount: settings.getMaxSubscriberCount(),
    liveBufferSize: settings.getLiveBufferSize(),
    readBatchSize: settings.getReadBatchSize(),
    historyBufferSize: settings.getHistoryBufferSize(),
    consumerStrategy,
  };
}

function filterOf(filter: pb.CreateReq.AllOptions.FilterOptions): FilterExpression {
  const onStream = filter.getStreamIdentifier();
  const expression = onStream ?? filter.getEventType();
  const read: FilterExpression = {
    on: onStream ? 'stream' : 'type',
    regex: expression?.getRegex() ?? '',
    prefixes: expression?.getPrefixList() ?? [],
  };
  // Refused now, not when the group is started from its definition.
  compileFilter(read);
  return read;
}
