/**
 * The newest events, kept in memory: every live subscription reads each of them, and without this would fetch and check
 * it, and decode it where it needs more than the bytes, once more.
 */
import { decodeRecord, type RecordedEvent } from './event-record.js';

/** Far more than live subscriptions lag behind by; with the limit below at most 16 MiB. */
const COUNT = 1024;
const MAX_BYTES = 16 * 1024;

interface Slot {
  position: number;
  record: Buffer;
  event?: RecordedEvent;
}

export class NewestEvents {
  private readonly slots: (Slot | undefined)[] = Array.from({ length: COUNT });

  add(position: number, record: Buffer): void {
    this.slots[position % COUNT] = record.length <= MAX_BYTES ? { position, record } : undefined;
  }

  at(position: number): RecordedEvent | undefined {
    const slot = this.slot(position);
    if (!slot) return undefined;
    return (slot.event ??= decodeRecord(slot.record, position, `position ${position}`));
  }

  recordAt(position: number): Buffer | undefined {
    return this.slot(position)?.record;
  }

  private slot(position: number): Slot | undefined {
    const slot = this.slots[position % COUNT];
    return slot?.position === position ? slot : undefined;
  }
}
