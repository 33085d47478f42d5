import { Type } from 'class-transformer';
import { IsInt, IsNotEmpty, Max, Min } from 'class-validator';

const days = {
  message: 'HYBRID_ARTIFACT_RETENTION_DAYS must be a whole number of days, 1 to 3650, or 0 for no end',
};
const sweep = { message: 'HYBRID_ARTIFACT_SWEEP_SECONDS must be a whole number of seconds, 1 to 86400' };

export class RegistrySettings {
  @IsNotEmpty({
    message:
      'HYBRID_ARTIFACTS must name the directory that holds the artifacts, or a bucket: s3://bucket/prefix',
  })
  HYBRID_ARTIFACTS!: string;

  /** Of artifacts for which nobody said; 0: they are kept until somebody deletes them. */
  @Type(() => Number)
  @IsInt(days)
  @Min(0, days)
  @Max(3_650, days)
  HYBRID_ARTIFACT_RETENTION_DAYS: number = 0;

  /** How often what has expired is deleted. */
  @Type(() => Number)
  @IsInt(sweep)
  @Min(1, sweep)
  @Max(86_400, sweep)
  HYBRID_ARTIFACT_SWEEP_SECONDS: number = 600;
}
