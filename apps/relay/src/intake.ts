/** One webhook in: verified, reduced, known or new, and on disk before anybody hears that it was accepted. */
import { deliveryId, digestsOf, faultOf } from '@hybrid/delivery';
import type { ReducedEvent, WebhookRefusal, WebhookRequest } from '@hybrid/webhooks';
import type { JournalEntry, UnsignedDelivery } from './journal/entry.js';
import type { Journal } from './journal/journal.js';
import type { Source } from './sources.js';

/** Stands for the relay until it is known which one signs. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

export type Taken =
  | {
      status: 'accepted' | 'duplicate';
      /** Of the delivery, or of the first. */
      id: string;
      /** Fields that did not fit, by name. */
      leftOut: string[];
    }
  | { status: 'ignored'; reason: string }
  | { status: 'refused'; refusal: WebhookRefusal };

/** What digests of payloads are keyed with. */
export interface DigestKey {
  id: string;
  key: Uint8Array;
}

export class Intake {
  /** Those that are being written: the same body ten times at once is one. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(
    private readonly journal: Journal,
    private readonly digestKey: () => DigestKey,
  ) {}

  /** Throws JournalFull where it cannot be kept now. */
  async take(source: Source, request: WebhookRequest): Promise<Taken> {
    const received = source.receive(request);
    if (received.refusal) return { status: 'refused', refusal: received.refusal };
    const { events, ignored, leftOut } = received;
    const [first, ...others] = events;
    if (!first) return { status: 'ignored', reason: ignored ?? 'there is nothing in it that is configured' };
    const { id: key_id, key } = this.digestKey();
    const { sha256, keyed_sha256 } = digestsOf(request.body, key);
    const received_at = new Date().toISOString();
    const payload = { bytes: request.body.length, keyed_sha256, key_id };
    const delivery = (event: ReducedEvent): UnsignedDelivery => ({
      v: 1,
      id: deliveryId(source.name, keyed_sha256, event.part),
      source: source.name,
      tool: source.tool,
      ...event,
      received_at,
      payload,
    });
    const entry: JournalEntry = { sha256, deliveries: [delivery(first), ...others.map(delivery)] };
    const { id } = entry.deliveries[0];
    const fault = faultIn(entry);
    if (fault) return { status: 'refused', refusal: fault };
    const known = await this.#known(source.name, sha256);
    if (known) return { status: 'duplicate', id: known, leftOut };
    await this.#write(`${source.name} ${sha256}`, entry);
    return { status: 'accepted', id, leftOut };
  }

  /** One that is being written is known once it is on disk; where that fails, this one is tried in its place. */
  async #known(source: string, sha256: string): Promise<string | undefined> {
    for (;;) {
      const writing = this.#writing.get(`${source} ${sha256}`);
      if (!writing) return this.journal.find(source, sha256);
      await writing.catch(() => undefined);
    }
  }

  async #write(key: string, entry: JournalEntry): Promise<void> {
    const writing = this.journal.append(entry).finally(() => this.#writing.delete(key));
    this.#writing.set(key, writing);
    await writing;
  }
}

/** What the other side would refuse is refused here, where its sender hears of it. */
function faultIn({ deliveries }: JournalEntry): WebhookRefusal | undefined {
  for (const delivery of deliveries) {
    const fault = faultOf({ ...delivery, relay_id: NOBODY });
    if (fault) return { status: 422, code: 'no_delivery', detail: `nothing can be made of it: ${fault}` };
  }
  return undefined;
}
