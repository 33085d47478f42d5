import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openReader, openWriter } from '../open.js';
import { describeQueue } from '../queue-contract.fixtures.js';
import { startEventGrid } from './event-grid-server.fixtures.js';

describeQueue('azure event grid (a fake of its API)', startEventGrid, {
  backlog: 'only Azure Monitor knows it',
  'side queue': 'a dead letter has no place for the reason',
});

describe('azure event grid', () => {
  let server: Awaited<ReturnType<typeof startEventGrid>>;
  beforeAll(async () => void (server = await startEventGrid()));
  afterAll(() => server.stop());

  it('puts aside to the dead letters of the subscription', async () => {
    const writer = await openWriter(server.writer, { credential: 'WRITER' });
    const reader = await openReader(server.reader, { credential: 'READER' });
    await writer.send(['poison']);
    const [message] = await reader.receive({ max: 1, waitMs: 60_000, signal: new AbortController().signal });
    await reader.putAside(message!, 'why');
    expect(await server.aside()).toEqual(['poison']);
    expect(await reader.backlog()).toEqual({ messages: null, oldest_seconds: null });
  });

  it('says that a key is too much for a reader', async () => {
    const reader = await openReader(server.reader, { credential: 'BOTH' });
    expect((await reader.verifyAccess()).remedies).toEqual([
      expect.stringContaining('hand in a service principal'),
    ]);
  });

  it('never shows the identity of the machine to a host that is not of Azure', async () => {
    await expect(openReader(server.reader)).rejects.toMatchObject({ code: 'queue_misconfigured' });
  });
});
