/** What the client negotiates and may set: server features, deadlines, connection name, leader, unknown calls. */
import {
  DeadlineExceededError,
  EventStoreDBClient,
  UnavailableError,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { collect, events, ids } from './sample-events.js';
import { startTarget, type Target } from './target.js';

/** What the client keeps to itself of the server's answer. */
interface Capabilities {
  serverVersion: string;
  supports(method: { path: string }): boolean;
}

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target.stop());

describe('the server', () => {
  it('says its version and which calls it has', async () => {
    const { serverVersion, supports } = await (client as unknown as { capabilities: Promise<Capabilities> })
      .capabilities;
    expect(serverVersion).toMatch(target.ours ? /^24\.2\.0-hybrid/ : /^2\d\./);
    for (const method of ['Read', 'Append', 'Delete', 'Tombstone', 'BatchAppend'])
      expect([method, supports({ path: `/event_store.client.streams.Streams/${method}` })]).toEqual([
        method,
        true,
      ]);
    expect(supports({ path: '/event_store.client.streams.Streams/Guess' })).toBe(false);
  });

  it('serves a connection with a name, one that wants a leader, one that keeps itself alive', async () => {
    const stream = target.name('named');
    const named = target.client(
      'connectionName=my%20connection&keepAliveInterval=10000&keepAliveTimeout=10000',
    );
    await named.appendToStream(stream, events(1), { requiresLeader: true });
    await named.deleteStream(stream, { requiresLeader: true });
    await named.appendToStream(stream, events(1));
    expect(await collect(named.readStream(stream, { requiresLeader: true }))).toHaveLength(1);
  });

  it('lets a client come back after it was disposed', async () => {
    const stream = target.name('disposed');
    const other = target.client();
    await other.appendToStream(stream, events(1));
    await other.dispose();
    await other.appendToStream(stream, events(1));
    expect(await ids(other, stream)).toHaveLength(2);
  });

  it('serves many connections at once', async () => {
    const stream = target.name('many');
    await client.appendToStream(stream, events(3));
    const reads = await Promise.all(
      Array.from({ length: 30 }, () => target.client()).map((each) => ids(each, stream)),
    );
    for (const read of reads) expect(read).toHaveLength(3);
  });
});

describe('a deadline', () => {
  it.each([
    ['of the client', () => target.client('defaultDeadline=1'), undefined],
    ['of the call', () => client, 1],
    ['of the call, over that of the client', () => target.client('defaultDeadline=200000'), 1],
  ])('ends a call: that %s', async (_name, connect, deadline) => {
    const stream = target.name('late');
    // Large, so that no machine is done within it.
    const late = connect().appendToStream(stream, events(8000), deadline === undefined ? {} : { deadline });
    await expect(late).rejects.toThrow(DeadlineExceededError);
    await expect(ids(client, stream)).rejects.toThrow(/not found/);
  });

  it('is not needed: a subscription outlives that of its client', async () => {
    const stream = target.name('long');
    const impatient = target.client('defaultDeadline=500');
    // With a deadline of its own the connection is made on a busy machine, too.
    await collect(impatient.readAll({ maxCount: 1, deadline: 60_000 }));
    const subscription = impatient.subscribeToStream(stream);
    const seen: ResolvedEvent[] = [];
    const failed = new Promise((_resolve, reject) => subscription.on('error', reject));
    const heard = new Promise<void>((resolve) =>
      subscription.on('data', (event) => {
        seen.push(event);
        if (seen.length === 8) resolve();
      }),
    );
    await new Promise((resolve) => subscription.once('confirmation', resolve));
    const since = performance.now();
    // Slow appends rather than a pause: the last comes after the deadline.
    let sent = 0;
    while (sent < 8) {
      if (sent < 7 || performance.now() - since > 700) {
        await client.appendToStream(stream, events(1));
        sent++;
      } else await client.appendToStream(target.name('meanwhile'), events(1));
    }
    await Promise.race([heard, failed]);
    await subscription.unsubscribe();
  });
});

describe('a server that is not there', () => {
  it('is told as such', async () => {
    // Port 1 is reserved and never listened on.
    const nowhere = target.closeAtStop(EventStoreDBClient.connectionString('esdb://127.0.0.1:1?tls=false'));
    // The client passes on gRPC's own error where it asks for the server's features first.
    await expect(nowhere.appendToStream('s', events(1))).rejects.toMatchObject({ code: 14 });
    await expect(ids(nowhere, 's')).rejects.toThrow(UnavailableError);
  });
});
