import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { openReader, openWriter } from '../open.js';
import { describeQueue } from '../queue-contract.fixtures.js';
import { EXTERNAL_ID, ROLE, SENDING_ROLE, startSqs, type SqsServer } from './sqs-server.fixtures.js';

describeQueue('sqs', startSqs, {
  'every character': 'fauxqs refuses some that AWS takes',
  'send allowed': 'AWS does not say whether it looks at the policies or at the message first',
});

describe('sqs', () => {
  let server: SqsServer;
  const forever = new AbortController().signal;
  beforeAll(async () => void (server = await startSqs()));
  afterAll(() => server.stop());

  it('does not know whether a reader may send, where the message is looked at first', async () => {
    server.policiesFirst = false;
    const reader = await openReader(server.reader, { credential: 'READER:secret' });
    const { send, remedies } = await reader.verifyAccess();
    expect(send).toBe('unknown');
    expect(remedies).toEqual([expect.stringContaining('simulate-principal-policy')]);
    await reader.close();
  });

  it('reads in the role of the customer, which it takes with the external id', async () => {
    const config = { ...server.reader, reader_role_arn: ROLE };
    const credential = 'WRITER:secret';
    server.asked.length = 0;
    const reader = await openReader(config, { credential, externalId: EXTERNAL_ID });
    expect(await reader.receive({ max: 1, waitMs: 0, signal: forever })).toEqual([]);
    expect(await reader.receive({ max: 1, waitMs: 0, signal: forever })).toEqual([]);
    expect(server.asked).toEqual(['WRITER AssumeRole', 'TAKEN ReceiveMessage', 'TAKEN ReceiveMessage']);
    await reader.close();
    const other = await openReader(config, { credential, externalId: 'org-2-of-somebody-else' });
    await expect(other.receive({ max: 1, waitMs: 0, signal: forever })).rejects.toMatchObject({
      code: 'queue_denied',
      message: expect.stringContaining('sts:ExternalId = org-2-of-somebody-else'),
    });
    await other.close();
    await expect(openReader(config, { credential })).rejects.toMatchObject({ code: 'queue_misconfigured' });
  });

  it('writes decisions in the role of the customer, and what a relay writes as who it is', async () => {
    const credential = 'WRITER:secret';
    const config = { ...server.writer, reader_role_arn: SENDING_ROLE };
    server.asked.length = 0;
    const decisions = await openWriter(config, { credential, externalId: EXTERNAL_ID });
    await decisions.send(['decided']);
    await decisions.close();
    expect(server.asked).toEqual(['WRITER AssumeRole', 'SENDER SendMessage']);
    server.asked.length = 0;
    const relay = await openWriter(config, { credential });
    await relay.send(['delivered']);
    await relay.close();
    expect(server.asked).toEqual(['WRITER SendMessage']);
  });

  it('never shows the identity of the machine to a host that is not of AWS', async () => {
    server.asked.length = 0;
    await expect(openWriter(server.writer)).rejects.toMatchObject({
      code: 'queue_misconfigured',
      message: expect.stringContaining('127.0.0.1 is no host of AWS'),
    });
    expect(server.asked).toEqual([]);
  });

  it('does not connect to an address that is not allowed, nor in plain text to another machine', async () => {
    const writer = await openWriter(server.writer, { credential: 'WRITER:secret', allowHost: () => false });
    server.asked.length = 0;
    await expect(writer.send(['x'])).rejects.toMatchObject({ code: 'queue_denied' });
    expect(server.asked).toEqual([]);
    await writer.close();
    const plain = { ...server.reader, endpoint: 'http://sqs.example.com' };
    await expect(openWriter(plain, { credential: 'WRITER:secret' })).rejects.toMatchObject({
      code: 'queue_misconfigured',
    });
  });

  it('tells nothing of the texts of the service, which may repeat what was signed', async () => {
    const writer = await openWriter(server.writer, { credential: 'STRANGER:secret-of-the-key' });
    const error: unknown = await writer.send(['x']).catch((reason: unknown) => reason);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(
      /SECRET-IN-TEXT|secret-of-the-key|Signature/,
    );
    expect(error).toMatchObject({
      code: 'queue_denied',
      message: expect.stringMatching(
        /sqs queue deliveries .* says AccessDeniedException; grant sqs:SendMessage on /,
      ),
    });
    await writer.close();
  });

  it.each(['', 'only-an-id', 'a:b:c:d'])(
    'wants a credential of two or three parts, not "%s"',
    async (credential) => {
      await expect(openWriter(server.writer, { credential })).rejects.toMatchObject({
        code: 'queue_misconfigured',
      });
    },
  );
});
