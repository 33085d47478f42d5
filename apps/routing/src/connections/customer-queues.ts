/** Opens the queues that organisations name: only where the operator lets it, with the credential that lies there for it. */
import { problem } from '@hybrid/contracts';
import { isPrivateAddress } from '@hybrid/service';
import {
  openReader,
  openWriter,
  QueueError,
  type QueueConfig,
  type QueueReader,
  type ReaderAccess,
  type QueueWriter,
} from '@hybrid/user-queue';
import { Injectable } from '@nestjs/common';
import { readFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { queueDirectories, RoutingSettings } from '../routing.settings.js';
import type { AccessFound, ConnectionConfigured, ControlPlanePart } from './connection.events.js';

/** Of organisations and of credentials: one part of a path, and never `..`. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

@Injectable()
export class CustomerQueues {
  constructor(private readonly settings: RoutingSettings) {}

  /** @throws ProblemError `queue_not_allowed`: the operator does not let it. Hosts are looked at when they are connected to. */
  check({ queue, decisions }: ControlPlanePart): void {
    for (const one of [queue, ...(decisions ? [decisions] : [])]) {
      const refusal = this.refusalOf(one);
      if (refusal) throw problem('invalid', 'queue_not_allowed', refusal);
    }
  }

  /** Of the customer's queue. @throws QueueError. */
  async reader({ configuration, external_id }: ConnectionConfigured, org: string): Promise<QueueReader> {
    return openReader(this.allowed(configuration.queue), {
      ...(await this.options(configuration, org, '')),
      externalId: external_id,
      leaseMs: this.settings.HYBRID_QUEUE_LEASE_SECONDS * 1000,
    });
  }

  /** Of the customer's queue of decisions; null: there is none. @throws QueueError. */
  async writer(
    { configuration, external_id }: ConnectionConfigured,
    org: string,
  ): Promise<QueueWriter | null> {
    const { decisions } = configuration;
    if (!decisions) return null;
    return openWriter(this.allowed(decisions), {
      ...(await this.options(configuration, org, '.decisions')),
      externalId: external_id,
    });
  }

  /** Opens the queue and tries what the credential may do. */
  async look(configured: ConnectionConfigured, org: string): Promise<AccessFound> {
    try {
      const reader = await this.reader(configured, org);
      try {
        return await this.accessOf(reader, configured, org);
      } finally {
        await reader.close();
      }
    } catch (error) {
      return foundBy(error);
    }
  }

  /** What the reader may do, and whether decisions can be told where they are to be. @throws QueueError of the reader's queue. */
  async accessOf(reader: QueueReader, configured: ConnectionConfigured, org: string): Promise<AccessFound> {
    const found = accessFound(await reader.verifyAccess());
    if (found.status !== 'CONNECTED') return found;
    try {
      const writer = await this.writer(configured, org);
      try {
        await writer?.verifyAccess();
      } finally {
        await writer?.close();
      }
      return found;
    } catch (error) {
      const { message, ...why } = foundBy(error);
      return { ...why, message: `decisions: ${message}` };
    }
  }

  private allowed(queue: QueueConfig): QueueConfig {
    const refusal = this.refusalOf(queue);
    if (refusal) throw new QueueError('queue_misconfigured', refusal);
    return queue;
  }

  private refusalOf(queue: QueueConfig): string | null {
    if ('endpoint' in queue && queue.kind !== 'azure_event_grid' && queue.endpoint !== undefined)
      return this.settings.HYBRID_PRIVATE_QUEUES === 'yes'
        ? null
        : 'an `endpoint` in place of the cloud is for trying out: set HYBRID_PRIVATE_QUEUES=yes at the routing service, or leave it out';
    if (queue.kind !== 'directory') return null;
    const path = resolve(queue.path);
    if (queueDirectories(this.settings).some((folder) => path.startsWith(resolve(folder, '.') + sep)))
      return null;
    return 'a queue of the kind directory must lie below a folder that the operator names in HYBRID_QUEUE_DIRECTORIES of the routing service';
  }

  private async options({ credentials }: ControlPlanePart, org: string, suffix: string) {
    const mayBePrivate = this.settings.HYBRID_PRIVATE_QUEUES === 'yes';
    return {
      credential: await this.credential(org, credentials?.control_plane?.name, suffix),
      allowHost: (address: string) => mayBePrivate || !isPrivateAddress(address),
      allowPlainText: mayBePrivate,
    };
  }

  /** `<folder>/<organisation>/<name>`; for decisions `<name>.decisions`, where there is one. @throws QueueError without its content. */
  private async credential(
    org: string,
    name: string | undefined,
    suffix: string,
  ): Promise<string | undefined> {
    if (name === undefined) return undefined;
    const { HYBRID_QUEUE_CREDENTIALS: folder } = this.settings;
    if (!folder || !FILE_NAME.test(org) || !FILE_NAME.test(name))
      throw new QueueError(
        'queue_misconfigured',
        `the configuration names the credential ${name}, and the routing service has no folder of credentials (HYBRID_QUEUE_CREDENTIALS)`,
      );
    for (const file of new Set([name + suffix, name])) {
      try {
        return (await readFile(join(folder, org, file), 'utf8')).trim();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          throw new QueueError('queue_misconfigured', `the credential ${name} cannot be read`, {
            cause: error,
          });
      }
    }
    throw new QueueError(
      'queue_misconfigured',
      `there is no credential ${name} for the organisation ${org}: the operator puts it into the folder HYBRID_QUEUE_CREDENTIALS of the routing service`,
    );
  }
}

/** Whoever may send could make up deliveries: such a credential is refused. */
export function accessFound({ receive, remove, send, remedies }: ReaderAccess): AccessFound {
  const told = remedies.join('; ') || null;
  if (send === 'allowed')
    return {
      status: 'REFUSED',
      code: 'may_send',
      message: told ?? 'the credential may put messages on the queue: take that away',
    };
  if (receive === 'denied' || remove === 'denied')
    return { status: 'REFUSED', code: 'queue_denied', message: told ?? 'grant receiving and removing' };
  return { status: 'CONNECTED', code: null, message: null };
}

/** What an error says of the queue. What is no QueueError is a fault of ours, and passes. */
export function foundBy(error: unknown): AccessFound {
  if (!(error instanceof QueueError))
    return {
      status: 'UNREACHABLE',
      code: 'queue_unavailable',
      message: 'the queue cannot be used: see the log',
    };
  const { code, message } = error;
  return { status: code === 'queue_unavailable' ? 'UNREACHABLE' : 'REFUSED', code, message };
}
