import { routingRequests } from '@hybrid/contracts';
import { newRelayKey, signDelivery } from '@hybrid/delivery';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  away,
  delivery,
  gone,
  NO_PIPELINES,
  RoutingBench,
  runOf,
  type FakePipelines,
} from '../routing.fixtures.js';

const { connection: one, pauseConnection, resumeConnection, deleteConnection } = routingRequests;
const rule = (name: string, when: object, then: object) => ({ name, when, then });
const BUILD = { do: 'run', pipeline: 'build', pool: 'fast', inputs: { branch: '{{metadata.branch}}' } };

describe('from the queue to runs, with two replicas', () => {
  let bench: RoutingBench;
  let pipelines: FakePipelines;

  beforeAll(async () => {
    bench = await RoutingBench.start();
    pipelines = await bench.pipelines();
    await Promise.all([bench.replica(), bench.replica()]);
  });
  afterAll(() => bench?.stop());
  afterEach(() => void (pipelines.fault = null));

  const view = (delivery_id: string) => bench.send(routingRequests.delivery, { delivery_id });
  const becomes = (id: string, status: string) =>
    eventually(async () => expect(await view(id)).toMatchObject({ status }));
  const status = (connection: string, wanted: string) =>
    eventually(async () => expect(await bench.send(one, { connection })).toMatchObject({ status: wanted }));
  const isEmpty = (connection: string) =>
    eventually(async () => {
      expect([
        ...(await bench.files(connection, 'new')),
        ...(await bench.files(connection, 'taken')),
      ]).toEqual([]);
    });

  it('fires triggers, runs pipelines by rules and tells the queue of decisions, and says why', async () => {
    const decisions = { kind: 'directory', path: bench.pathOf('all-decisions') };
    await mkdir(decisions.path);
    const rules = [
      rule('build-main', { branch: ['main'] }, BUILD),
      rule('tell', { author: ['octo*'] }, { do: 'send', message: { who: '{{metadata.author}}' } }),
      rule('own', { repository: ['acme/*'] }, { do: 'triggers' }),
      rule('never', { branch: ['other'] }, { do: 'ignore' }),
    ];
    await bench.put('all', { decisions, routes: { match: 'all', rules } });
    const [sent] = await (await bench.relay('all')).deliver({});
    const { id } = sent!;
    await becomes(id, 'SENT');
    expect(await view(id)).toEqual({
      delivery_id: id,
      connection: 'all',
      connection_version: 1,
      status: 'SENT',
      delivery: sent,
      decisions: [
        {
          rule: 'build-main',
          do: 'run',
          because: expect.stringContaining('main') as unknown,
          runs: [{ pipeline: 'build', run_id: runOf(id) }],
          message: null,
        },
        { rule: 'tell', do: 'send', because: expect.any(String) as unknown, runs: [], message: null },
        {
          rule: 'own',
          do: 'triggers',
          because: expect.any(String) as unknown,
          runs: [{ pipeline: 'build', run_id: runOf(id) }],
          message: null,
        },
      ],
      message: null,
      seconds: expect.any(Number) as unknown,
      at: expect.any(String) as unknown,
    });
    const event = {
      kind: 'push',
      repository: 'acme/web',
      clone_url: 'https://github.com/acme/web.git',
      branch: 'main',
      tag: null,
      commit: sent!.metadata.commit,
      pull_request: null,
      base_branch: null,
      fork: false,
      author: 'octocat',
      paths: ['src/app.ts'],
    };
    expect(pipelines.fired.at(-1)).toEqual({ delivery_id: id, event });
    expect(pipelines.started.at(-1)).toEqual({
      pipeline_id: 'build',
      delivery_id: id,
      rule: 'build-main',
      pool: 'fast',
      inputs: { branch: 'main' },
      event,
    });
    const told = await Promise.all(
      (await readdir(join(decisions.path, 'new'))).map((name) =>
        readFile(join(decisions.path, 'new', name), 'utf8'),
      ),
    );
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(id);
    expect(told[0]).toContain('octocat');
    await isEmpty('all');
    expect(await bench.files('all', 'aside')).toEqual([]);
  });

  it('says where no pipeline is of the repository, and how one comes to be', async () => {
    await bench.put('attic');
    const metadata = { ...delivery().metadata, repository: NO_PIPELINES };
    const [sent] = await (await bench.relay('attic')).deliver({ metadata });
    await becomes(sent!.id, 'SENT');
    const { decisions } = await view(sent!.id);
    expect(decisions).toMatchObject([
      { rule: null, do: 'triggers', runs: [], message: expect.stringContaining('`hybrid run`') },
    ]);
  });

  it('carries each out once, though relays send it again and again', async () => {
    await bench.put('twice');
    const relay = await bench.relay('twice');
    const same = delivery({ relay_id: relay.relay_id });
    await relay.deliver(...Array.from({ length: 10 }, () => same));
    await becomes(same.id, 'SENT');
    await isEmpty('twice');
    await relay.deliver(same);
    await isEmpty('twice');
    const stream = await bench.eventsOf(`delivery-${same.id}`);
    expect(stream).toEqual(['DeliveryRouted', 'DeliverySent']);
    expect(pipelines.fired.filter(({ delivery_id }) => delivery_id === same.id).length).toBeGreaterThan(0);
  });

  it('puts aside what another organisation has had by the same id, and goes on', async () => {
    const other = callBy('user', 'other', 'other');
    await bench.put('shared');
    await bench.put('shared-by-another', {}, other);
    const [relay, others] = [await bench.relay('shared'), await bench.relay('shared-by-another', {}, other)];
    const [first] = await relay.deliver({});
    await becomes(first!.id, 'SENT');
    const [, next] = await others.deliver({ ...first, relay_id: others.relay_id }, {});
    await eventually(async () =>
      expect(await bench.send(routingRequests.delivery, { delivery_id: next!.id }, other)).toMatchObject({
        status: 'SENT',
      }),
    );
    await isEmpty('shared-by-another');
    expect(await bench.files('shared-by-another', 'aside')).toEqual([
      expect.stringContaining('a digest key of their own') as unknown,
    ]);
    expect(await bench.eventsOf(`delivery-${first!.id}`)).toEqual(['DeliveryRouted', 'DeliverySent']);
  });

  it('puts aside what no registered relay of the connection signed, and keeps nothing of it', async () => {
    await bench.put('guarded');
    const relay = await bench.relay('guarded');
    const elsewhere = await bench.relay('guarded', { connection: 'all' });
    const foreign = await bench.relay('guarded', {}, callBy('user', 'other', 'other'));
    const removed = await bench.relay('guarded');
    await bench.send(routingRequests.removeRelay, { relay_id: removed.relay_id });
    const forged = delivery({ relay_id: relay.relay_id });
    await relay.put(await signDelivery(forged, newRelayKey()));
    await relay.put('a text that holds s3cret-canary');
    const others = [];
    for (const one of [elsewhere, foreign, removed]) others.push(...(await one.deliver({})));
    await eventually(async () => expect(await bench.files('guarded', 'aside')).toHaveLength(5));
    await isEmpty('guarded');
    for (const { id } of [forged, ...others])
      await expect(view(id)).rejects.toMatchObject({ problem: { code: 'delivery_not_found' } });
    await eventually(async () => {
      const refused = await bench.send(routingRequests.deliveries, {
        connection: 'guarded',
        status: 'REFUSED',
      });
      expect(refused.total).toBe(5);
      expect(JSON.stringify(refused)).not.toContain('s3cret-canary');
    });
  });

  it('writes down what is refused for good, and waits for what is away', async () => {
    await bench.put('faults', { routes: { rules: [], default: { do: 'run', pipeline: 'gone' } } });
    const relay = await bench.relay('faults');
    pipelines.fault = gone;
    const [refused] = await relay.deliver({});
    await becomes(refused!.id, 'FAILED');
    expect((await view(refused!.id)).decisions[0]).toMatchObject({
      rule: null,
      runs: [],
      message: expect.stringContaining('pipeline_not_found') as unknown,
    });
    let asked = 0;
    pipelines.fault = () => (++asked < 3 ? away() : null);
    const [waited] = await relay.deliver({});
    await becomes(waited!.id, 'SENT');
    expect(asked).toBeGreaterThanOrEqual(3);
    await isEmpty('faults');
    expect(await bench.files('faults', 'aside')).toEqual([]);
  });

  it('puts aside what fails each time, and goes on with the others', async () => {
    await bench.put('poison');
    const relay = await bench.relay('poison');
    const bad = delivery({ relay_id: relay.relay_id });
    pipelines.fault = (id) => (id === bad.id ? new Error('a fault of ours') : null);
    await relay.deliver(bad);
    const [good] = await relay.deliver({});
    await becomes(good!.id, 'SENT');
    await eventually(async () => expect(await bench.files('poison', 'aside')).toHaveLength(1), 120_000);
    await isEmpty('poison');
  });

  it('is paused, resumed and deleted, and decides by the newest configuration', async () => {
    await bench.put('life', { routes: { rules: [], default: { do: 'ignore' } } });
    const relay = await bench.relay('life');
    await status('life', 'CONNECTED');
    await bench.send(pauseConnection, { connection: 'life', reason: 'moved' });
    expect(await bench.send(one, { connection: 'life' })).toMatchObject({
      status: 'PAUSED',
      message: 'moved',
    });
    const [last] = await relay.deliver({});
    await bench.put('life', { environment: 'live', routes: { rules: [], default: { do: 'triggers' } } });
    await expect(view(last!.id)).rejects.toMatchObject({ problem: { code: 'delivery_not_found' } });
    await bench.send(resumeConnection, { connection: 'life' });
    await becomes(last!.id, 'SENT');
    expect(await view(last!.id)).toMatchObject({ connection_version: 2, decisions: [{ do: 'triggers' }] });
    await bench.send(deleteConnection, { connection: 'life' });
    await expect(bench.send(one, { connection: 'life' })).rejects.toMatchObject({
      problem: { code: 'connection_not_found' },
    });
  });

  it('says that a queue is away, and goes on once it is back', async () => {
    await bench.put('away');
    const relay = await bench.relay('away');
    await status('away', 'CONNECTED');
    const path = bench.pathOf('away');
    await rename(path, `${path}-moved`);
    await eventually(async () => {
      const { status: now, message } = await bench.send(one, { connection: 'away' });
      expect(['UNREACHABLE', 'REFUSED']).toContain(now);
      expect(message).toContain('away');
    });
    await rename(`${path}-moved`, path);
    const [sent] = await relay.deliver({});
    await becomes(sent!.id, 'SENT');
    await status('away', 'CONNECTED');
  });
});
