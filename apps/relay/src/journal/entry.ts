/** One line of the journal: what the relay took of a webhook, with the digest that proves which webhook it was. */
import type { Delivery } from '@hybrid/contracts';

/** A delivery that is not signed yet: which relay signs it is known only once the relay is registered. */
export type UnsignedDelivery = Omit<Delivery, 'relay_id'>;

export interface JournalEntry {
  /** Of the webhook's raw body, bare, in hex. It never leaves this machine. */
  sha256: string;
  /** One, or one for each branch and tag that the webhook tells of; all of the same source. */
  deliveries: [UnsignedDelivery, ...UnsignedDelivery[]];
}

/** What is known of an entry without reading all of it. */
export interface EntryKey {
  sha256: string;
  /** Of the first delivery. */
  id: string;
  source: string;
}

/** The key stands first, so that a start reads as much of each line as it needs. */
const KEY = /^\{"sha256":"([0-9a-f]{64})","id":"([0-9a-f-]{36})","source":"([^"\\]+)",/;

export function lineOf({ sha256, deliveries }: JournalEntry): string {
  const { id, source } = deliveries[0];
  return `${JSON.stringify({ sha256, id, source, deliveries })}\n`;
}

/** Nothing where the line is damaged. */
export function keyOf(line: string): EntryKey | undefined {
  const [, sha256, id, source] = KEY.exec(line) ?? [];
  return sha256 && id && source ? { sha256, id, source } : undefined;
}

/** Nothing where the line is damaged. */
export function entryOf(line: string): JournalEntry | undefined {
  if (!keyOf(line)) return undefined;
  try {
    const { sha256, deliveries } = JSON.parse(line) as JournalEntry;
    return { sha256, deliveries };
  } catch {
    return undefined;
  }
}
