import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ProposedEvent } from './event-record.js';
import { EventStore } from './event-store.js';

let directory: string;
let store: EventStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'event-store-'));
  store = EventStore.open(directory, 64 * 1024 * 1024);
});

afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

describe('the writer', () => {
  it.each([0, 1, 2, 3, 4, 5])(
    'carries out a command that comes %i microtasks after an answer',
    async (late) => {
      await append('job-1');
      for (let turn = 0; turn < late; turn++) await Promise.resolve();
      await append('job-1');
      expect(store.lastPosition).toBe(2);
    },
  );
});

function append(stream: string) {
  return store.write((transaction) => transaction.append(stream, { kind: 'any' }, [event()]));
}

function event(): ProposedEvent {
  const bytes = new Uint8Array(0);
  return { id: randomUUID(), type: 'T', contentType: 'application/json', data: bytes, customMetadata: bytes };
}
