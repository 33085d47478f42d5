import { readSettings, SettingsError } from '@hybrid/service';
import type { Finding } from '@hybrid/contracts';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsNumber, IsOptional, IsString, Min } from 'class-validator';
import { isAbsolute } from 'node:path';

/** What the routing service may connect to in the name of organisations. Denied by default; all have a default. */
export class RoutingSettings {
  /** Folder with a credential for each queue, `<organisation>/<name>`, as the queue's owner made it for us. */
  @IsOptional()
  @IsString()
  HYBRID_QUEUE_CREDENTIALS?: string;

  /** Whether queues may be at addresses of this machine or of a private network, and spoken to without TLS. */
  @IsIn(['yes', 'no'], { message: 'HYBRID_PRIVATE_QUEUES must be yes or no' })
  HYBRID_PRIVATE_QUEUES: 'yes' | 'no' = 'no';

  /** Folders, separated by colons, below which queues of the kind `directory` may lie; none unless told. */
  @IsOptional()
  @IsString()
  HYBRID_QUEUE_DIRECTORIES?: string;

  /** Connections that one organisation may have: each is polled by every replica, all the time. */
  @Type(() => Number)
  @IsInt({ message: 'HYBRID_MAX_CONNECTIONS must be a whole number' })
  @Min(1, { message: 'HYBRID_MAX_CONNECTIONS must be 1 or more' })
  HYBRID_MAX_CONNECTIONS: number = 20;

  /** How long a message is ours before its queue gives it out again, where the queue leaves that to us. */
  @Type(() => Number)
  @IsNumber({}, { message: 'HYBRID_QUEUE_LEASE_SECONDS must be a number of seconds' })
  @Min(1, { message: 'HYBRID_QUEUE_LEASE_SECONDS must be 1 or more' })
  HYBRID_QUEUE_LEASE_SECONDS: number = 60;

  /** Of silence, until a relay counts as OFFLINE; three heartbeats unless told. */
  @IsOptional()
  @Type(() => Number)
  @IsNumber({}, { message: 'HYBRID_RELAY_OFFLINE_SECONDS must be a number of seconds' })
  @Min(1, { message: 'HYBRID_RELAY_OFFLINE_SECONDS must be 1 or more' })
  HYBRID_RELAY_OFFLINE_SECONDS?: number;
}

/** @throws SettingsError that names what is wrong. */
export function readRoutingSettings(env = process.env): RoutingSettings {
  const settings = readSettings(RoutingSettings, 'routing', env);
  const { HYBRID_QUEUE_CREDENTIALS: credentials } = settings;
  const problems = [
    ...(credentials && !isAbsolute(credentials)
      ? ['HYBRID_QUEUE_CREDENTIALS must be the absolute path of a folder']
      : []),
    ...(queueDirectories(settings).every(isAbsolute)
      ? []
      : ['HYBRID_QUEUE_DIRECTORIES must be absolute paths of folders, separated by colons']),
  ];
  if (problems.length) throw new SettingsError('routing', problems);
  return settings;
}

export function queueDirectories({ HYBRID_QUEUE_DIRECTORIES: folders = '' }: RoutingSettings): string[] {
  return folders.split(':').filter(Boolean);
}

/** Of settings that are valid; nothing for those that are safe. */
export function unsafeRoutingSettings(settings: RoutingSettings): Finding[] {
  const findings: Finding[] = [];
  if (settings.HYBRID_PRIVATE_QUEUES === 'yes')
    findings.push({
      setting: 'HYBRID_PRIVATE_QUEUES',
      finding:
        'administrators of any organisation may have the routing service connect to hosts of this machine and of private networks, and without TLS',
      remedy: 'leave it out, or set it to no, unless all organisations are your own',
    });
  if (queueDirectories(settings).includes('/'))
    findings.push({
      setting: 'HYBRID_QUEUE_DIRECTORIES',
      finding: 'administrators of any organisation may name any folder of this machine as their queue',
      remedy: 'name the folders that are made for queues, and nothing else',
    });
  return findings;
}
