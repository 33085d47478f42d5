import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';

const ageing = {
  message: 'HYBRID_QUEUE_AGEING_SECONDS must be a whole number of seconds, 0 (never) to 86400',
};

/** By which rules jobs are given out; the same for every replica, or they disagree about who is next. */
export class QueueSettings {
  /** A waiting job counts as one class of priority more urgent for each so many seconds; 0: never. */
  @Type(() => Number)
  @IsInt(ageing)
  @Min(0, ageing)
  @Max(86_400, ageing)
  HYBRID_QUEUE_AGEING_SECONDS: number = 600;
}
