import { plainToInstance } from 'class-transformer';
import { IsOptional, IsString, Matches, validateSync } from 'class-validator';

/** Where a service finds its servers. */
export class ServerSettings {
  @Matches(/^(nats|tls):\/\//, { message: 'NATS_URL must look like nats://user:password@host:4222' })
  NATS_URL!: string;

  /** Path of a PEM file: the authority that signed the certificate of NATS, where NATS_URL begins with tls://. */
  @IsOptional()
  @IsString()
  NATS_CA_FILE?: string;

  /** Paths of PEM files: what the service shows of itself, where NATS wants that. */
  @IsOptional()
  @IsString()
  NATS_CERT_FILE?: string;

  @IsOptional()
  @IsString()
  NATS_KEY_FILE?: string;

  @Matches(/^(esdb|kurrentdb)(\+discover)?:\/\//, {
    message: 'EVENTSTORE_URL must look like esdb://host:2113?tls=false',
  })
  EVENTSTORE_URL!: string;

  @Matches(/^postgres(ql)?:\/\//, {
    message: 'DATABASE_URL must look like postgres://user:password@host:5432/database',
  })
  DATABASE_URL!: string;
}

/** A setting is missing or wrong; the message names each one and how it must look, never its value. */
export class SettingsError extends Error {
  constructor(service: string, problems: string[]) {
    super(`${service} cannot start:\n${problems.map((line) => `  - ${line}`).join('\n')}`);
    this.name = 'SettingsError';
  }
}

/** Reads settings from the environment. @throws SettingsError with every wrong setting at once. */
export function readSettings<T extends object>(type: new () => T, service: string, env = process.env): T {
  const settings = plainToInstance(type, env, { enableImplicitConversion: false, exposeDefaultValues: true });
  const problems = validateSync(settings, {
    skipMissingProperties: false,
    validationError: { target: false, value: false },
  });
  if (problems.length)
    throw new SettingsError(
      service,
      problems.flatMap((p) => Object.values(p.constraints ?? {})),
    );
  return settings;
}
