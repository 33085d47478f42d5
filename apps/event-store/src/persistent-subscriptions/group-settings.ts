/** How a group is set up: EventStoreDB's settings under their names on the wire, and what they must fulfil. */
import type { FilterExpression } from '../store/event-filter.js';
import { GroupError } from './group-errors.js';
import type { StrategyName } from './consumer-strategy.js';

export const ALL = '$all';

export interface GroupSettings {
  resolveLinks: boolean;
  extraStatistics: boolean;
  /** A message without an answer for so long is given again. 0: at the next look at the clock. */
  messageTimeoutMs: number;
  maxRetryCount: number;
  /** Infinity: never by time, as 0 means on the wire. */
  checkpointAfterMs: number;
  minCheckpointCount: number;
  maxCheckpointCount: number;
  /** 0: any number. */
  maxSubscriberCount: number;
  /** Told again but without effect: live events are read from the store like all others. */
  liveBufferSize: number;
  readBatchSize: number;
  historyBufferSize: number;
  consumerStrategy: StrategyName;
}

/** Where a group starts without a checkpoint, included; 'end': after what is there when it is made. */
export type StartFrom = 'end' | bigint;

export interface GroupDefinition {
  /** A stream's name, or `$all`. */
  stream: string;
  group: string;
  /** Only for `$all`. */
  filter: FilterExpression | undefined;
  settings: GroupSettings;
  startFrom: StartFrom;
  /** The number of the first event: `startFrom`, or what 'end' meant at that time, so that a restart skips nothing. */
  first: number;
}

/** What stands in checkpoint, parked and subscription names. */
export function keyOf({ stream, group }: Pick<GroupDefinition, 'stream' | 'group'>): string {
  return `${stream}::${group}`;
}

/** Throws GroupError 'failed', with the reason, for settings that cannot work. */
export function refuseUnfit(stream: string, group: string, settings: GroupSettings): void {
  const refuse = (reason: string): never => {
    throw new GroupError('failed', stream, group, reason);
  };
  for (const [name, value] of Object.entries(settings))
    if (typeof value === 'number' && value < 0) refuse(`${name} is ${value}; it may not be negative.`);
  const { readBatchSize, historyBufferSize } = settings;
  if (readBatchSize >= historyBufferSize)
    refuse(
      `readBatchSize (${readBatchSize}) must be smaller than historyBufferSize (${historyBufferSize}), or nothing could be read.`,
    );
}
