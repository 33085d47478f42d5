import { readSettings, SettingsError } from '@hybrid/service';
import { Type } from 'class-transformer';
import { IsInt, IsNumber, Max, Min } from 'class-validator';

const seconds = (name: string) => ({ message: `${name} must be a whole number of seconds, 1 or more` });
const percent = (name: string) => ({
  message: `${name} must be a number from 6 to 101 (101: never unhealthy)`,
});

/** By which rules an agent's health is judged. The service's own settings; all have a default. */
export class AgentsSettings {
  @Type(() => Number)
  @IsInt(seconds('HYBRID_AGENT_DEGRADED_SECONDS'))
  @Min(1, seconds('HYBRID_AGENT_DEGRADED_SECONDS'))
  HYBRID_AGENT_DEGRADED_SECONDS: number = 15;

  @Type(() => Number)
  @IsInt(seconds('HYBRID_AGENT_OFFLINE_SECONDS'))
  HYBRID_AGENT_OFFLINE_SECONDS: number = 30;

  @Type(() => Number)
  @IsInt(seconds('HYBRID_AGENT_DEAD_SECONDS'))
  HYBRID_AGENT_DEAD_SECONDS: number = 300;

  @Type(() => Number)
  @IsNumber({}, percent('HYBRID_AGENT_MEMORY_LIMIT_PERCENT'))
  @Min(6, percent('HYBRID_AGENT_MEMORY_LIMIT_PERCENT'))
  @Max(101, percent('HYBRID_AGENT_MEMORY_LIMIT_PERCENT'))
  HYBRID_AGENT_MEMORY_LIMIT_PERCENT: number = 95;

  @Type(() => Number)
  @IsNumber({}, percent('HYBRID_AGENT_DISK_LIMIT_PERCENT'))
  @Min(6, percent('HYBRID_AGENT_DISK_LIMIT_PERCENT'))
  @Max(101, percent('HYBRID_AGENT_DISK_LIMIT_PERCENT'))
  HYBRID_AGENT_DISK_LIMIT_PERCENT: number = 95;
}

/** @throws SettingsError that names what is wrong. */
export function readAgentsSettings(env = process.env): AgentsSettings {
  const settings = readSettings(AgentsSettings, 'agents', env);
  const { HYBRID_AGENT_DEGRADED_SECONDS: degraded, HYBRID_AGENT_OFFLINE_SECONDS: offline } = settings;
  if (degraded >= offline || offline >= settings.HYBRID_AGENT_DEAD_SECONDS)
    throw new SettingsError('agents', [
      'HYBRID_AGENT_DEGRADED_SECONDS must be less than HYBRID_AGENT_OFFLINE_SECONDS, and that less than HYBRID_AGENT_DEAD_SECONDS',
    ]);
  return settings;
}
