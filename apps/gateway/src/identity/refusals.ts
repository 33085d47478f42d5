/**
 * Who was not let in, for audit: counted for a minute and then told to the identity service, so that a flood is a few
 * events with large numbers. Never what was presented.
 */
import {
  DEFAULT_ORG,
  identityRequests,
  ProblemError,
  serviceCall,
  type Actor,
  type Problem,
  type Refusal,
} from '@hybrid/contracts';
import type { Requests } from '@hybrid/messaging';
import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';

const TELL_MS = 60_000;
/** Told apart within a minute; past that, whatever is refused counts together, without address and place. */
const MAX_ENTRIES = 100;
const ELSEWHERE = 'several';
/** A stop does not wait longer for identity, which may be stuck; one that is gone is known at once. */
const STOP_MS = 5_000;

export interface Refused {
  what: Refusal['what'];
  code: string;
  /** The route or provider: of a set that we know, never what a caller chooses. */
  where: string;
  address?: string;
  /** The default one where nobody knows. */
  org?: string;
  /** Whom we know, and let do no more; unless told, that is nobody yet. */
  actor?: Actor;
}

interface Entry extends Required<Omit<Refused, 'address' | 'actor'>> {
  address: string | undefined;
  actor: Actor | undefined;
  count: number;
  since: string;
}

export class Refusals {
  private readonly logger = new Logger(Refusals.name);
  private entries = new Map<string, Entry>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly requests: Pick<Requests, 'send'>,
    tellMs = TELL_MS,
  ) {
    this.timer = setInterval(() => void this.tell(), tellMs).unref();
  }

  /** Of an error that refuses; any other is none of audit's business. */
  refusedBy(error: unknown, refused: Omit<Refused, 'what' | 'code'>): void {
    if (!(error instanceof ProblemError)) return;
    const { kind, code } = error.problem;
    const what = WHAT[kind];
    if (what) this.refused({ what, code, ...refused });
  }

  refused({ org = DEFAULT_ORG, address, actor, ...refused }: Refused): void {
    this.add({ ...refused, org, address, actor, count: 1, since: new Date().toISOString() });
  }

  /** Distinct ones in memory. */
  get size(): number {
    return this.entries.size;
  }

  /** Resolves once everything is told, or kept for the next time where identity does not answer. */
  async tell(): Promise<void> {
    const told = this.entries;
    this.entries = new Map();
    const kept = await Promise.all([...told.values()].map((entry) => this.send(entry)));
    const lost = kept.filter((entry) => entry !== null);
    for (const entry of lost) this.add(entry);
    if (lost.length > 0)
      this.logger.warn(
        `${lost.length} refusals could not be told to the identity service; tried again later`,
      );
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.tell(), new Promise((over) => (timer = setTimeout(over, STOP_MS)))]);
    clearTimeout(timer);
  }

  private add(entry: Entry): void {
    const key = keyOf(entry);
    const known = this.entries.get(key);
    if (known) {
      known.count += entry.count;
      if (entry.since < known.since) known.since = entry.since;
      return;
    }
    if (this.entries.size < MAX_ENTRIES || isLumped(entry)) this.entries.set(key, entry);
    else
      this.add({
        ...entry,
        ...{ code: ELSEWHERE, where: ELSEWHERE, address: undefined, actor: undefined, org: DEFAULT_ORG },
      });
  }

  /** The entry where it could not be told. */
  private async send({ org, address, actor, ...refusal }: Entry): Promise<Entry | null> {
    const call = {
      ...serviceCall('gateway', org, randomUUID()),
      ...(actor && { actor }),
      ...(address !== undefined && { address }),
    };
    try {
      await this.requests.send(identityRequests.recordRefusal, refusal, call);
      return null;
    } catch {
      return { org, address, actor, ...refusal };
    }
  }
}

const WHAT: Partial<Record<Problem['kind'], Refusal['what']>> = {
  unauthenticated: 'credential',
  too_many: 'credential',
  forbidden: 'permission',
};

function keyOf({ what, code, where, address, org, actor }: Entry): string {
  return JSON.stringify([what, code, where, address, org, actor]);
}

/** There are no more of these than there are kinds of refusal. */
function isLumped({ where, address }: Entry): boolean {
  return where === ELSEWHERE && address === undefined;
}
