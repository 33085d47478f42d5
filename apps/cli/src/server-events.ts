/** Server-sent events that survive a lost connection: each reconnect asks for what comes after the last event seen. */
import { setTimeout as pause } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { Api } from './api.js';
import { RefusedError } from './errors.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Yields until the caller stops reading or `signal` aborts, which ends it without an error.
 * Throws RefusedError when the server refuses for good; a 404 may be a thing that is about to exist and is tried again.
 */
export async function* serverEvents(
  api: Api,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage> {
  let lastEventId: string | undefined;
  let wait = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const response = await api.openEvents(path, lastEventId, signal);
      for await (const event of readServerEvents(response)) {
        wait = FIRST_PAUSE_MS;
        if (event.id !== undefined) lastEventId = event.id;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof RefusedError && error.status !== 404) throw error;
    }
    // A stream that ends or breaks is opened again; the last event seen says where to go on.
    await pause(wait, undefined, { signal }).catch(() => undefined);
    wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
  }
}

/** What one open stream says, until it ends. */
export async function* readServerEvents(response: Response): AsyncGenerator<EventSourceMessage> {
  if (!response.body) return;
  const complete: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => complete.push(event) });
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    yield* complete.splice(0);
  }
}
