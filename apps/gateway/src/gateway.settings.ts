import { Type } from 'class-transformer';
import { IsIn, IsInt, IsNotEmpty, IsOptional, Max, Min, ValidateIf } from 'class-validator';
import { EdgeSettings } from './edge/edge.settings.js';

export class GatewaySettings extends EdgeSettings {
  @Type(() => Number)
  @IsInt({ message: 'HYBRID_PORT must be a number from 0 (any free port) to 65535' })
  @Min(0, { message: 'HYBRID_PORT must be 0 or more' })
  @Max(65535, { message: 'HYBRID_PORT must be 65535 or less' })
  HYBRID_PORT: number = 8080;

  /** The administrator's token itself, or the file that holds it; generated into the file where that is missing. */
  @IsOptional()
  HYBRID_ADMIN_TOKEN?: string;

  @ValidateIf((settings: GatewaySettings) => !settings.HYBRID_ADMIN_TOKEN)
  @IsNotEmpty({
    message:
      'HYBRID_ADMIN_TOKEN_FILE must name the file of the administrator token (or set HYBRID_ADMIN_TOKEN)',
  })
  HYBRID_ADMIN_TOKEN_FILE?: string;

  /** What agents register with; generated in the same way. */
  @IsOptional()
  HYBRID_JOIN_TOKEN?: string;

  @ValidateIf((settings: GatewaySettings) => !settings.HYBRID_JOIN_TOKEN)
  @IsNotEmpty({
    message: 'HYBRID_JOIN_TOKEN_FILE must name the file of the join token (or set HYBRID_JOIN_TOKEN)',
  })
  HYBRID_JOIN_TOKEN_FILE?: string;

  /** The installation's own keys, the same for every gateway; generated in the same way. See installation-keys.ts. */
  @IsOptional()
  HYBRID_KEYS?: string;

  @ValidateIf((settings: GatewaySettings) => !settings.HYBRID_KEYS)
  @IsNotEmpty({
    message: "HYBRID_KEYS_FILE must name the file of the installation's keys (or set HYBRID_KEYS)",
  })
  HYBRID_KEYS_FILE?: string;

  /** Agents get another key of their own when theirs is so old. */
  @Type(() => Number)
  @IsInt({ message: 'HYBRID_AGENT_KEY_DAYS must be a whole number of days from 1 to 3650' })
  @Min(1, { message: 'HYBRID_AGENT_KEY_DAYS must be 1 or more' })
  @Max(3650, { message: 'HYBRID_AGENT_KEY_DAYS must be 3650 or less' })
  HYBRID_AGENT_KEY_DAYS: number = 30;

  /**
   * Whether the issuers of trust rules may be at addresses of this machine or of a private network. An administrator of
   * any organisation has the gateway ask them, there.
   */
  @IsIn(['yes', 'no'], { message: 'HYBRID_PRIVATE_ISSUERS must be yes or no' })
  HYBRID_PRIVATE_ISSUERS: 'yes' | 'no' = 'no';

  /** The providers that people sign in with. See provider-settings.ts. */
  @IsOptional()
  HYBRID_PROVIDERS_FILE?: string;

  /** How long a session lasts: a day, unless told. */
  @Type(() => Number)
  @IsInt({ message: 'SESSION_TTL_SECONDS must be a number of seconds from 60 to 31536000' })
  @Min(60, { message: 'SESSION_TTL_SECONDS must be 60 or more' })
  @Max(31_536_000, { message: 'SESSION_TTL_SECONDS must be 31536000 (a year) or less' })
  SESSION_TTL_SECONDS: number = 86_400;

  @IsNotEmpty()
  HYBRID_ENVIRONMENT: string = 'production';
}
