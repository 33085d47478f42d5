/** Everything that goes to the event store and PostgreSQL, over TLS and with a password. */
import { EVENTS_STREAM } from '@hybrid/contracts';
import { startEventStore, startPostgres, type ServerWithUrl } from '@hybrid/servers';
import { eventually, selfSignedCertificate, type CertificateFiles } from '@hybrid/testing';
import {
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, scryptSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { append } from './appends.js';
import { bulkRead } from './bulk-read.js';
import { connectEventStore, connectPostgres } from './connections.js';
import { counterDecider } from './counter.fixtures.js';
import { greetEventStore } from './event-store-tls.js';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import { Relay } from './relay.js';
import { subscribe } from './subscribe.js';
import { Things } from './things.js';

let directory: string;
let certificate: CertificateFiles;
let other: CertificateFiles;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hybrid-secure-'));
  certificate = await selfSignedCertificate(directory, 'server');
  other = await selfSignedCertificate(directory, 'other');
});
afterAll(() => rm(directory, { recursive: true }));

/** At a low cost, so that the spec need not wait for it. */
function cheapHash(password: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 1, p: 1 });
  return ['scrypt', 1024, 1, 1, salt.toString('base64'), hash.toString('base64')].join('$');
}

describe('the event store by TLS and password', () => {
  let platform: Platform;
  let store: ServerWithUrl;
  let client: EventStoreDBClient;
  const url = ({ login = 'hybrid:röot%3Asecret', caFile = certificate.certFile } = {}) =>
    `esdb://${login}@127.0.0.1:${store.port}?tls=true&tlsCaFile=${caFile}`;
  const user = callBy('someone');
  const things = () => new Things(client, 'counter', counterDecider);

  beforeAll(async () => {
    const usersFile = join(directory, 'users.json');
    const hybrid = { name: 'hybrid', password_hash: cheapHash('röot:secret'), groups: ['$admins'] };
    await writeFile(usersFile, JSON.stringify({ users: [hybrid] }));
    platform = await startPlatform();
    store = await startEventStore({ dataDir: join(directory, 'store'), tls: certificate, usersFile });
    client = connectEventStore(url());
  });
  afterAll(async () => {
    await client.dispose();
    await store.stop();
    await platform.stop();
  });

  it('takes appends, and gives them back in bulk and to those who follow', async () => {
    await greetEventStore(client, url());
    const data = { by: 1, note: 'first' };
    const event = { id: '2f1c9d2e-5b0e-4a1c-8f43-0d1f0c4be001', type: 'Added', data, metadata: { org: 'o' } };
    await append(client, { stream: 'raw-1', expected: null, events: [event], deadline: 60_000 });
    const { signal } = new AbortController();
    const found: string[] = [];
    for await (const { events } of bulkRead({ client, prefixes: ['raw-'], after: null, signal }))
      found.push(...events.map(({ id }) => id));
    expect(found).toEqual([event.id]);

    const stop = new AbortController();
    const followed: unknown[] = [];
    const following = subscribe({
      client,
      prefixes: ['counter-'],
      from: () => null,
      handle: async ({ events }) => void followed.push(...events.map(({ event: { data } }) => data)),
      signal: stop.signal,
      log: () => undefined,
    });
    for (const note of ['a', 'b']) await things().handle('1', { type: 'Add', by: 1, note }, user);
    await eventually(() =>
      expect(followed).toEqual([
        { by: 1, note: 'a' },
        { by: 1, note: 'b' },
      ]),
    );
    stop.abort();
    await following;
  });

  it('is relayed to JetStream', async () => {
    const { nats, pool } = platform.connections;
    const relay = new Relay(
      { client, nats, pool },
      {
        service: 'counter',
        prefixes: ['counter-'],
        events: counterDecider.events,
        publish: ({ event }) => ({
          noun: 'counter',
          event: 'added',
          type: 'Changed',
          data: event.data,
        }),
      },
      () => undefined,
    );
    await things().handle('2', { type: 'Add', by: 2 }, user);
    relay.start();
    await eventually(async () => {
      const { streams } = await jetstreamManager(nats);
      const { state } = await streams.info(EVENTS_STREAM, { subjects_filter: 'evt.*.counter.>' });
      expect(state.subjects).toMatchObject({ 'evt.default.counter.counter.added.2': 1 });
    });
    await relay.stop();
  });

  it('has persistent subscriptions', async () => {
    await things().handle('3', { type: 'Add', by: 3 }, user);
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START });
    await client.createPersistentSubscriptionToStream('counter-3', 'group', settings);
    const subscription = client.subscribeToPersistentSubscriptionToStream('counter-3', 'group');
    for await (const event of subscription) {
      expect(event.event?.data).toEqual({ by: 3, note: '' });
      await subscription.ack(event);
      break;
    }
    await subscription.unsubscribe();
  });

  it('says at once what is wrong with the certificate or the password', async () => {
    const greet = async (options: Parameters<typeof url>[0]) => {
      const stranger = connectEventStore(url(options));
      return greetEventStore(stranger, url(options)).finally(() => stranger.dispose());
    };
    await expect(greet({ caFile: other.certFile })).rejects.toThrow(
      `the event store at 127.0.0.1:${store.port} has a certificate that is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT): check EVENTSTORE_URL`,
    );
    const refusal = greet({ login: 'hybrid:swordfish' });
    await expect(refusal).rejects.toThrow(/refuses the user or password of EVENTSTORE_URL/);
    await expect(refusal).rejects.not.toThrow(/swordfish/);
    const nothing = join(directory, 'nothing.pem');
    expect(() => connectEventStore(url({ caFile: nothing }))).toThrow(
      `EVENTSTORE_URL: its tlsCaFile ${nothing} cannot be read (ENOENT)`,
    );
    expect(() => connectEventStore(url({ caFile: certificate.keyFile }))).toThrow(
      /is not a certificate in PEM/,
    );
  });

  it('may be away at the start', async () => {
    await store.stop();
    const early = connectEventStore(url());
    await greetEventStore(early, url());
    await early.dispose();
    await store.restart();
  });
});

it('PostgreSQL is spoken to by TLS as DATABASE_URL says', async () => {
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres') });
  const plain = connectPostgres(postgres.url, 'spec');
  const over = async (parameters: string) => {
    const pool = connectPostgres(`${postgres.url}?${parameters}`, 'spec');
    try {
      const { rows } = await pool.query<{ ssl: boolean }>(
        'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
      );
      return rows[0]!.ssl;
    } finally {
      await pool.end();
    }
  };
  try {
    for (const [name, file] of [
      ['server.crt', certificate.certFile],
      ['server.key', certificate.keyFile],
    ] as const) {
      const lines = `select unnest(string_to_array('${await readFile(file, 'utf8')}', chr(10)))`;
      await plain.query(`copy (${lines}) to program 'umask 077; cat > ${name}'`);
    }
    await plain.query('alter system set ssl = on');
    await plain.query('select pg_reload_conf()');
    const trusted = `sslmode=verify-full&sslrootcert=${certificate.certFile}`;
    await eventually(async () => expect(await over(trusted)).toBe(true));
    await expect(over(`sslmode=verify-full&sslrootcert=${other.certFile}`)).rejects.toThrow(/self-signed/);
    await expect(over('sslmode=verify-full')).rejects.toThrow(/self-signed/);
    await plain.query('alter system set ssl = off');
    await plain.query('select pg_reload_conf()');
    await eventually(() => expect(over(trusted)).rejects.toThrow(/does not support SSL/));
  } finally {
    await plain.end();
    await postgres.stop();
  }
});
