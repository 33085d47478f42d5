import { randomBytes, randomUUID, scryptSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AccessDeniedError,
  BACKWARDS,
  END,
  EventStoreDBClient,
  jsonEvent,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  type Credentials,
  type PersistentSubscriptionToStreamResolvedEvent,
} from '@eventstore/db-client';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, selfSignedCertificate, type CertificateFiles } from '@hybrid/testing';
import { answers, appending, openAppends } from '../../test/append-call.js';
import { closeClient, EventStoreProcesses } from '../../test/event-store-process.js';

const processes = new EventStoreProcesses();
const clients: EventStoreDBClient[] = [];
const passwords = { root: 'röot:secret', ann: 'ann-secret', bob: 'bob-secret', operator: 'ops-secret' };
type Name = keyof typeof passwords;
const groups: Partial<Record<Name, string[]>> = { root: ['$admins'], ann: ['builders'], operator: ['$ops'] };

let directory: string;
let certificate: CertificateFiles;
let port: number;
let root: EventStoreDBClient;
let ann: EventStoreDBClient;
let bob: EventStoreDBClient;

/** At a low cost, so that specs need not wait for it. */
function cheapHash(password: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 1, p: 1 });
  return ['scrypt', 1024, 1, 1, salt.toString('base64'), hash.toString('base64')].join('$');
}

function connect(login?: Credentials): EventStoreDBClient {
  const who = login ? `${encodeURIComponent(login.username)}:${encodeURIComponent(login.password)}@` : '';
  const client = EventStoreDBClient.connectionString(
    `esdb://${who}127.0.0.1:${port}?tls=true&tlsCaFile=${certificate.certFile}`,
  );
  clients.push(client);
  return client;
}
const as = (username: Name): Credentials => ({ username, password: passwords[username] });

beforeAll(async () => {
  directory = await processes.directory();
  certificate = await selfSignedCertificate(directory, 'server');
  const usersFile = join(directory, 'users.json');
  const users = (Object.keys(passwords) as Name[]).map((name) => ({
    name,
    password_hash: cheapHash(passwords[name]),
    groups: groups[name] ?? [],
  }));
  await writeFile(usersFile, JSON.stringify({ users }));
  const launched = await processes.launch({
    EVENT_STORE_DATA: directory,
    EVENT_STORE_USERS_FILE: usersFile,
    EVENT_STORE_TLS_CERT_FILE: certificate.certFile,
    EVENT_STORE_TLS_KEY_FILE: certificate.keyFile,
  });
  port = (await processes.started(launched)).port;
  [root, ann, bob] = [connect(as('root')), connect(as('ann')), connect(as('bob'))];
});
afterAll(async () => {
  for (const client of clients.splice(0)) await closeClient(client);
  await processes.release();
});

const events = (count = 1) =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type: 'Tried', data: { n } }));
const newStream = () => `try-${randomUUID()}`;

async function read(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const all = [];
  for await (const event of stream) all.push(event);
  return all;
}
const denied = (call: Promise<unknown>) => expect(call).rejects.toThrow(AccessDeniedError);
const allowed = (call: Promise<unknown>) => expect(call).resolves.toBeDefined();

function subscribed(client: EventStoreDBClient, stream: string): Promise<string> {
  const subscription = client.subscribeToStream(stream);
  return new Promise<string>((resolve, reject) => {
    subscription.once('error', reject);
    subscription.once('confirmation', () => resolve('confirmed'));
  }).finally(() => subscription.unsubscribe());
}

describe('without the right password', () => {
  it.each([
    ['no credentials', undefined],
    ['a wrong password', { username: 'ann', password: 'bob-secret' }],
    ['an unknown name', { username: 'eve', password: 'ann-secret' }],
    ['more than the password', { username: 'ann', password: 'ann-secret ' }],
  ])('every call is refused: %s', async (_name, login) => {
    const client = connect(login);
    const stream = newStream();
    await denied(client.appendToStream(stream, events()));
    await denied(
      client.appendToStream(stream, events(), { credentials: login ?? { username: 'x', password: 'y' } }),
    );
    await denied(read(client.readStream(stream)));
    await denied(read(client.readAll()));
    await denied(client.deleteStream(stream));
    await denied(client.tombstoneStream(stream));
    await denied(client.getStreamMetadata(stream));
    await denied(client.setStreamMetadata(stream, {}));
    await denied(subscribed(client, stream));
    await denied(read(root.readStream(stream, { credentials: login ?? { username: 'x', password: 'y' } })));
  });

  it('nothing was stored by it', async () => {
    expect(await read(root.readAll())).toEqual([]);
  });
});

describe('with a password', () => {
  it('user streams are open', async () => {
    const stream = newStream();
    await allowed(ann.appendToStream(stream, events(2)));
    await allowed(ann.appendToStream(stream, events(1), { credentials: as('bob') }));
    expect(await read(bob.readStream(stream))).toHaveLength(3);
    await allowed(bob.setStreamMetadata(stream, { maxCount: 2 }));
    expect((await ann.getStreamMetadata(stream)).metadata).toEqual({ maxCount: 2 });
    expect(await subscribed(ann, stream)).toBe('confirmed');
    await allowed(ann.deleteStream(stream));
    await allowed(bob.tombstoneStream(stream));
  });

  it('system streams and $all are for admins', async () => {
    const stream = `$try-${randomUUID()}`;
    for (const client of [ann, connect(as('operator'))]) {
      await denied(client.appendToStream(stream, events()));
      await denied(read(client.readAll({ maxCount: 1 })));
      await denied(read(client.readStream('$settings')));
      await denied(client.setStreamMetadata('$all', { acl: { readRoles: ['ann'] } } as never));
    }
    await allowed(root.appendToStream(stream, events()));
    expect(await read(root.readStream(stream))).toHaveLength(1);
    expect(await read(root.readAll({ maxCount: 1 }))).toHaveLength(1);
  });

  it('many calls at once share the check of a new password', async () => {
    const client = connect(as('bob'));
    await Promise.all(Array.from({ length: 300 }, () => client.appendToStream(newStream(), events())));
  });
});

describe('the ACL of a stream', () => {
  it('is obeyed by each of many appends in one message', async () => {
    const [open, closed] = [newStream(), newStream()];
    await ann.setStreamMetadata(closed, { acl: { writeRoles: ['ann'] } } as never);
    const appends = await openAppends(bob);
    try {
      appends.write(appending({ number: 1, stream: closed }, { number: 2, stream: open }));
      expect(Object.fromEntries(await answers(appends, 2))).toMatchObject({
        1: { result: 2, status: status.PERMISSION_DENIED },
        2: { result: 0 },
      });
    } finally {
      appends.on('error', () => undefined);
      appends.cancel();
    }
    const strangers = await openAppends(connect({ username: 'eve', password: 'ann-secret' }));
    strangers.write(appending({ number: 1, stream: open }));
    await expect(answers(strangers, 1)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it('is obeyed, and its change at once', async () => {
    const stream = newStream();
    await ann.appendToStream(stream, events(2));
    const acl = {
      readRoles: ['ann'],
      writeRoles: ['builders'],
      deleteRoles: [],
      metaReadRoles: ['ann'],
      metaWriteRoles: ['ann'],
    };
    await ann.setStreamMetadata(stream, { acl } as never);
    expect((await ann.getStreamMetadata(stream)).metadata).toEqual({ acl });

    expect(await read(ann.readStream(stream))).toHaveLength(2);
    await allowed(ann.appendToStream(stream, events()));
    await denied(ann.deleteStream(stream));
    await denied(ann.tombstoneStream(stream));
    await denied(read(bob.readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 1 })));
    await denied(bob.appendToStream(stream, events()));
    await denied(ann.appendToStream(stream, events(), { credentials: as('bob') }));
    await denied(subscribed(bob, stream));
    await denied(bob.getStreamMetadata(stream));
    await denied(bob.setStreamMetadata(stream, {}));
    expect(await read(root.readStream(stream))).toHaveLength(3);

    await ann.setStreamMetadata(stream, { acl: { ...acl, readRoles: ['ann', 'bob'] } } as never);
    expect(await read(bob.readStream(stream))).toHaveLength(3);
    await denied(bob.appendToStream(stream, events()));
    await allowed(root.deleteStream(stream));
  });

  it('opens $all to a group', async () => {
    await root.setStreamMetadata('$all', { acl: { readRoles: ['builders'] } } as never);
    expect(await read(ann.readAll({ maxCount: 1 }))).toHaveLength(1);
    await denied(read(bob.readAll({ maxCount: 1 })));
    await root.setStreamMetadata('$all', {});
    await denied(read(ann.readAll({ maxCount: 1 })));
  });

  it('refuses one append of a batch call, not the others', async () => {
    const [closed, open] = [newStream(), newStream()];
    await root.setStreamMetadata(closed, { acl: { writeRoles: ['root'] } } as never);
    const settled = await Promise.allSettled([
      ann.appendToStream(open, events()),
      ann.appendToStream(closed, events()),
      ann.appendToStream(open, events()),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('hides what a link leads to', async () => {
    const [secret, links] = [newStream(), newStream()];
    await root.appendToStream(secret, events());
    await root.setStreamMetadata(secret, { acl: { readRoles: ['ann'] } } as never);
    const link = {
      id: randomUUID(),
      type: '$>',
      data: Buffer.from(`0@${secret}`),
      contentType: 'application/octet-stream',
    };
    await root.appendToStream(links, [link as never]);
    const [forAnn] = await read(ann.readStream(links, { resolveLinkTos: true }));
    expect(forAnn).toMatchObject({ event: { streamId: secret }, link: { streamId: links } });
    const [forBob] = await read(bob.readStream(links, { resolveLinkTos: true }));
    expect(forBob).toMatchObject({ link: { streamId: links } });
    expect(forBob).not.toHaveProperty('event');
  });
});

it('obeys the stored settings where a stream says nothing', async () => {
  const stream = newStream();
  await ann.appendToStream(stream, events());
  const settings = { $userStreamAcl: { $r: ['ann'] }, $systemStreamAcl: { $r: ['builders'] } };
  await root.appendToStream('$settings', [jsonEvent({ type: '$settings', data: settings })]);
  try {
    expect(await read(ann.readStream(stream))).toHaveLength(1);
    await denied(read(bob.readStream(stream)));
    await allowed(bob.appendToStream(stream, events()));
    await allowed(read(ann.readAll({ maxCount: 1 })));
    await denied(read(bob.readAll({ maxCount: 1 })));
  } finally {
    await root.appendToStream('$settings', [jsonEvent({ type: '$settings', data: {} })]);
  }
  expect(await read(bob.readStream(stream))).toHaveLength(2);
});

describe('persistent subscriptions', () => {
  const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START });

  function firstEvent(client: EventStoreDBClient, stream: string): Promise<unknown> {
    const subscription = client.subscribeToPersistentSubscriptionToStream(stream, 'group');
    return new Promise((resolve, reject) => {
      subscription.once('error', reject);
      subscription.once('data', (resolved: PersistentSubscriptionToStreamResolvedEvent) => {
        void subscription.ack(resolved).then(() => resolve(resolved.event?.data));
      });
    }).finally(() => subscription.unsubscribe().catch(() => undefined));
  }

  it('are managed by admins and operators only', async () => {
    const stream = newStream();
    for (const client of [ann, connect()]) {
      await denied(client.createPersistentSubscriptionToStream(stream, 'group', settings));
      await denied(client.listPersistentSubscriptionsToStream(stream));
      await denied(client.updatePersistentSubscriptionToStream(stream, 'group', settings));
      await denied(client.replayParkedMessagesToStream(stream, 'group'));
      await denied(client.deletePersistentSubscriptionToStream(stream, 'group'));
    }
    const operator = connect(as('operator'));
    await operator.createPersistentSubscriptionToStream(stream, 'group', settings);
    expect(await operator.listPersistentSubscriptionsToStream(stream)).toHaveLength(1);
    await root.updatePersistentSubscriptionToStream(stream, 'group', settings);
    await operator.deletePersistentSubscriptionToStream(stream, 'group');
  });

  it('are read by who may read the stream', async () => {
    const stream = newStream();
    await ann.appendToStream(stream, events(3));
    await ann.setStreamMetadata(stream, { acl: { readRoles: ['ann'] } } as never);
    await root.createPersistentSubscriptionToStream(stream, 'group', settings);
    await denied(firstEvent(bob, stream));
    await denied(firstEvent(connect(), stream));
    expect(await firstEvent(ann, stream)).toEqual({ n: 0 });
  });
});

describe('TLS', () => {
  it('is refused to a client that trusts another certificate, or speaks none', async () => {
    const other = await selfSignedCertificate(directory, 'other');
    for (const query of [`tls=true&tlsCaFile=${other.certFile}`, 'tls=false']) {
      const client = EventStoreDBClient.connectionString(
        `esdb://127.0.0.1:${port}?defaultDeadline=3000&${query}`,
      );
      clients.push(client);
      await expect(client.appendToStream(newStream(), events())).rejects.toThrow(/UNAVAILABLE|DEADLINE/);
    }
  });

  it.each([
    ['half of it', { keyFile: '' }, /belong together; set both/],
    [
      'a file that is not there',
      { certFile: '/nowhere/a.crt' },
      /Cannot read \/nowhere\/a\.crt.*EVENT_STORE_TLS_CERT_FILE/,
    ],
    [
      'a key that is not its own',
      { keyFile: 'other' },
      /Cannot use the certificate .*server\.crt with the key/,
    ],
  ])('is not started with %s', async (_name, wrong, message) => {
    const other = await selfSignedCertificate(directory, 'other');
    const files = { ...certificate, ...wrong };
    const launched = await processes.launch({
      EVENT_STORE_DATA: await processes.directory(),
      EVENT_STORE_TLS_CERT_FILE: files.certFile,
      EVENT_STORE_TLS_KEY_FILE: files.keyFile === 'other' ? other.keyFile : files.keyFile,
    });
    expect(await launched.exited).toEqual({ code: 1, signal: null });
    await eventually(() => expect(launched.stderr).toMatch(message));
  });
});
