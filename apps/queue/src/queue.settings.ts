import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';

const ageing = {
  message: 'HYBRID_QUEUE_AGEING_SECONDS must be a whole number of seconds, 0 (never) to 86400',
};

const logLimit = { message: 'HYBRID_LOG_LIMIT_MB must be a whole number of megabytes from 1 to 1048576' };

/** By which rules jobs are given out; the same for every replica, or they disagree about who is next. */
export class QueueSettings {
  /** A waiting job counts as one class of priority more urgent for each so many seconds; 0: never. */
  @Type(() => Number)
  @IsInt(ageing)
  @Min(0, ageing)
  @Max(86_400, ageing)
  HYBRID_QUEUE_AGEING_SECONDS: number = 600;

  /** Megabytes of one job's log that are kept, of all its attempts; what follows is counted by its agent, and left out. */
  @Type(() => Number)
  @IsInt(logLimit)
  @Min(1, logLimit)
  @Max(1_048_576, logLimit)
  HYBRID_LOG_LIMIT_MB: number = 1024;
}
