/** What a service's user can do with its password by hand. */
import { eventSubject, EVENTS_STREAM, queueRequests, serviceCall } from '@hybrid/contracts';
import { startNats, type NatsServer } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Answering } from './answering.js';
import { callHeaders } from './call-headers.js';
import { connectNats } from './connection.js';
import { EventConsumer } from './event-consumer.js';
import { NATS_USERS, natsPermissions, type NatsUser } from './permissions.js';
import { Requests } from './requests.js';
import { ensureStreams } from './streams.js';

const EVENT = eventSubject('default', 'queue', 'job', 'completed', '1');

describe('the user of a service', () => {
  let directory: string;
  let nats: NatsServer;
  let owner: NatsConnection;
  const as = new Map<NatsUser, NatsConnection>();
  const said = jest.spyOn(console, 'error').mockImplementation(() => undefined);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-permissions-'));
    const users = Object.fromEntries(NATS_USERS.map((user) => [user, natsPermissions(user)]));
    nats = await startNats({ dataDir: directory, users });
    owner = await connectNats(nats.url, 'owner');
    for (const user of NATS_USERS) as.set(user, await connectNats(nats.urlOf(user), user));
    await ensureStreams(owner);
  });
  afterAll(async () => {
    said.mockRestore();
    for (const connection of [owner, ...as.values()]) await connection.close();
    await nats.stop();
    await rm(directory, { recursive: true });
  });

  /** The subjects that NATS denies it in `work`, as soon as there are so many. */
  async function denied(user: NatsUser, count: number, work: (nats: NatsConnection) => void) {
    const connection = as.get(user)!;
    const status = connection.status() as AsyncIterable<{ error?: Error }> & { stop?: () => void };
    work(connection);
    const subjects: string[] = [];
    for await (const { error } of status) {
      if (error instanceof PermissionViolationError) subjects.push(error.subject);
      if (subjects.length === count) break;
    }
    return subjects;
  }
  const messages = async () =>
    (await (await jetstreamManager(owner)).streams.info(EVENTS_STREAM)).state.messages;

  it('is refused at once what it may not ask, and its log says so', async () => {
    const heard: string[] = [];
    const answering = new Answering({
      nats: as.get('queue')!,
      subject: queueRequests.enqueue.subject,
      queue: 'queue',
      handler: () => void heard.push('asked'),
      log: (line) => void heard.push(line),
    });
    const send = (user: NatsUser) =>
      new Requests(as.get(user)!).send(
        { ...queueRequests.enqueue, timeoutMs: 600_000 },
        {} as never,
        serviceCall(user, 'default', ''),
      );
    await as.get('queue')!.flush();
    await expect(send('registry')).rejects.toMatchObject({
      problem: { kind: 'internal', code: 'messaging_denied' },
    });
    await eventually(() =>
      expect(said).toHaveBeenCalledWith(
        expect.stringMatching(/^registry: NATS does not let it publish cmd\.queue\.job\.enqueue: /),
      ),
    );
    expect(heard).toEqual([]);
    await send('pipelines');
    expect(heard).toEqual(['asked']);
    await answering.stop();
  });

  it('cannot listen to what is not for it', async () => {
    const subjects = ['evt.>', '>', '_INBOX.>', '_INBOX.*.>', '_INBOX.gateway.>', 'cmd.queue.>', 'log.>'];
    expect(
      await denied('registry', subjects.length, (connection) => {
        for (const subject of subjects) connection.subscribe(subject, { callback: () => undefined });
      }),
    ).toEqual(subjects);
    const asked = 'cmd.queue.job.enqueue';
    expect(
      await denied('registry', 1, (connection) => connection.subscribe(asked, { queue: 'queue' })),
    ).toEqual([asked]);
  });

  it('cannot tell events, replies or parked events of another', async () => {
    const before = await messages();
    const subjects = [
      EVENT,
      '_INBOX.gateway.4711.queue.0',
      'parked.pipelines-jobs.1',
      'live.queue.job.renewed',
    ];
    expect(
      await denied('registry', subjects.length, (connection) => {
        for (const subject of subjects) connection.publish(subject, '{}');
      }),
    ).toEqual(subjects);
    expect(await messages()).toBe(before);
    await jetstream(as.get('queue')!).publish(EVENT, '{}');
    expect(await messages()).toBe(before + 1);
  });

  it('cannot change streams or the consumers of others', async () => {
    const handled: unknown[] = [];
    const say = { warn: () => undefined, alert: () => undefined };
    const consumer = new EventConsumer(
      as.get('pipelines')!,
      { durable: 'pipelines-jobs', filter: 'evt.*.queue.job.>' },
      async (event) => void handled.push(event),
      say,
    );
    consumer.start();
    await eventually(async () => expect((await consumer.view()).pending).toBe(0));
    const { streams } = await jetstreamManager(as.get('registry')!);
    await expect(streams.delete(EVENTS_STREAM)).rejects.toThrow(/Permissions Violation/);
    await expect(streams.purge(EVENTS_STREAM)).rejects.toThrow(/Permissions Violation/);
    for (const user of ['gateway', 'registry'] as const) {
      const { consumers } = await jetstreamManager(as.get(user)!);
      await expect(consumers.delete(EVENTS_STREAM, 'pipelines-jobs')).rejects.toThrow(
        /Permissions Violation/,
      );
    }
    await consumer.stop();
  });

  it('cannot have JetStream bring its words to another service', async () => {
    const { subject } = queueRequests.loseAgent;
    const heard: string[] = [];
    const answering = new Answering({
      nats: as.get('queue')!,
      subject,
      queue: 'queue',
      handler: () => void heard.push('carried out'),
      log: (line) => void heard.push(line),
    });
    await as.get('queue')!.flush();
    const pipelines = as.get('pipelines')!;
    const consumer = new EventConsumer(
      pipelines,
      { durable: 'pipelines-steps', filter: 'evt.*.pipelines.run.>' },
      () => Promise.resolve(),
      { warn: () => undefined, alert: () => undefined },
    );
    consumer.start();
    await eventually(async () => expect((await consumer.view()).pending).toBe(0));
    await consumer.stop();
    const event = eventSubject('default', 'pipelines', 'run', 'started', '1');
    const headers = callHeaders(serviceCall('agents', 'default', ''));
    await jetstream(pipelines).publish(event, '{"agent_id":"a"}', { headers });
    // A pull whose reply is another service's subject: NATS does not look whether the puller may publish there.
    pipelines.publish(`$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.pipelines-steps`, '1', { reply: subject });
    await eventually(() =>
      expect(heard).toEqual([`${subject}: refused a message that was published on ${event}`]),
    );
    await answering.stop();
  });

  it('is of no use to another service', async () => {
    await expect(connectNats(nats.urlOf('registry'), 'queue')).rejects.toThrow(
      'NATS_URL names the user registry, who may do nothing of what queue does: name queue',
    );
  });

  it('is told clearly that its password is wrong, without it', async () => {
    const url = nats.urlOf('queue').replace(/:[^:@]+@/, ':swordfish@');
    const refusal = connectNats(url, 'queue');
    await expect(refusal).rejects.toThrow(
      `NATS at 127.0.0.1:${nats.port} refuses the user queue, or its password: check NATS_URL`,
    );
    await expect(refusal).rejects.not.toThrow(/swordfish/);
  });
});
