/**
 * The newest events, kept in memory: every live subscription reads each of them, and without this would fetch, check
 * and decode it once more.
 */
import type { RecordedEvent } from './event-record.js';

/** Far more than live subscriptions lag behind by; with the limit below at most 16 MiB. */
const COUNT = 1024;
const MAX_BYTES = 16 * 1024;

export class NewestEvents {
  private readonly slots: (RecordedEvent | undefined)[] = Array.from({ length: COUNT });

  add(event: RecordedEvent): void {
    const { position, data, customMetadata } = event;
    const small = data.length + customMetadata.length <= MAX_BYTES;
    // Copies: the bytes may be views into a whole request, which would stay with them.
    this.slots[position % COUNT] = small
      ? { ...event, data: new Uint8Array(data), customMetadata: new Uint8Array(customMetadata) }
      : undefined;
  }

  at(position: number): RecordedEvent | undefined {
    const event = this.slots[position % COUNT];
    return event?.position === position ? event : undefined;
  }
}
