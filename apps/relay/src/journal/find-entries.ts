/** Looks entries up in the files, also while a relay writes them: `relay ledger find`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { entryOf, keyOf, type JournalEntry, type UnsignedDelivery } from './entry.js';
import type { Position } from './journal.js';
import { linesOf, segmentFile, segmentsIn } from './segment.js';

export interface FoundEntry extends JournalEntry {
  /** The queue has it. */
  sent: boolean;
}

/** Entries by the SHA-256 of the body, the id of the delivery, or the host's own id; the oldest first. */
export async function* findEntries(folder: string, wanted: string): AsyncGenerator<FoundEntry> {
  const sent = await readSent(folder);
  for (const number of await segmentsIn(folder)) {
    for await (const { text, end } of linesOf(segmentFile(folder, number))) {
      const key = keyOf(text);
      if (!key || !text.includes(wanted)) continue;
      const entry = entryOf(text);
      if (!entry || ![key.sha256, ...entry.deliveries.flatMap(namesOf)].includes(wanted)) continue;
      const before = number < sent.segment || (number === sent.segment && end <= sent.offset);
      yield { ...entry, sent: before };
    }
  }
}

function namesOf({ id, delivery }: UnsignedDelivery): string[] {
  return delivery === null ? [id] : [id, delivery];
}

async function readSent(folder: string): Promise<Position> {
  try {
    return JSON.parse(await readFile(join(folder, 'sent.json'), 'utf8')) as Position;
  } catch {
    return { segment: 0, offset: 0 };
  }
}
