import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { openReader, openWriter } from '../open.js';
import { describeQueue } from '../queue-contract.fixtures.js';
import { startAzurite } from './azurite.fixtures.js';

describeQueue('azure storage queue', startAzurite);

describe('azure storage queue', () => {
  let server: Awaited<ReturnType<typeof startAzurite>>;
  beforeAll(async () => void (server = await startAzurite()));
  afterAll(() => server.stop());

  it('says of a reader without a SAS for the side queue what it lacks, and keeps the message', async () => {
    const writer = await openWriter(server.writer, { credential: server.sas('a') });
    const reader = await openReader(server.reader, { credential: server.sas('rup'), leaseMs: 60_000 });
    await writer.send(['x']);
    const [message] = await reader.receive({ max: 1, waitMs: 60_000, signal: new AbortController().signal });
    await expect(reader.putAside(message!, 'why')).rejects.toMatchObject({
      code: 'queue_denied',
      message: expect.stringContaining('a second SAS with the permission "a" on the side queue aside'),
    });
    expect((await reader.backlog()).messages).toBe(1);
  });

  it('never tells a signature, whatever fails', async () => {
    const signed = server.sas('r');
    const signature = new URLSearchParams(signed).get('sig')!;
    const writer = await openWriter(server.writer, { credential: signed });
    const away = await openWriter(
      { ...server.writer, account_url: 'http://127.0.0.1:1/a' },
      { credential: signed },
    );
    const errors = [writer, away].map((one) => one.send(['x']).catch((error: unknown) => error));
    for (const error of await Promise.all(errors)) {
      const told = inspect(error, { depth: 10, showHidden: true });
      expect(told).toContain('QueueError');
      expect(told).not.toContain(signature);
      expect(told).not.toContain(encodeURIComponent(signature));
    }
  });

  it('never shows the identity of the machine to a host that is not of Azure', async () => {
    await expect(openWriter(server.writer)).rejects.toMatchObject({ code: 'queue_misconfigured' });
  });

  it.each(['', 'a password', 'AccountName=x'])(
    'wants a known form of credential, not "%s"',
    async (credential) => {
      await expect(openWriter(server.writer, { credential })).rejects.toMatchObject({
        code: 'queue_misconfigured',
      });
    },
  );
});
