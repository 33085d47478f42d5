import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfiguration } from './configuration.js';
import { checkRelay } from './setup.js';
import { commitOf, push, send, workbench } from '../test/workbench.js';

describe('relay and control plane', () => {
  const bench = workbench();

  const received = (count: number): Promise<void> =>
    eventually(async () => {
      found.push(...(await bench.deliveries()));
      expect(found).toHaveLength(count);
    });
  const found: Awaited<ReturnType<typeof bench.deliveries>> = [];

  it('registers once with what it is, and is the same relay at its next start', async () => {
    const first = await bench.start();
    await eventually(() => expect(bench.controlPlane.heartbeats().length).toBeGreaterThan(1));
    await first.stop();
    const before = bench.controlPlane.heartbeats().length;
    await bench.start();
    await eventually(() => expect(bench.controlPlane.heartbeats().length).toBeGreaterThan(before));
    expect(bench.controlPlane.registrations()).toHaveLength(1);
    expect(bench.controlPlane.registrations()[0]).toMatchObject({
      authorization: 'Bearer join-me',
      idempotencyKey: expect.stringMatching(/^[0-9a-f-]{36}$/),
      body: {
        name: expect.any(String),
        connection: 'acme',
        public_key: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
        version: expect.any(String),
        queue_reference: `folder ${bench.queue.path}`,
      },
    });
  });

  it('takes webhooks before it is registered, and sends them once it is', async () => {
    await bench.controlPlane.stop();
    const relay = await bench.start();
    expect(await send(relay.url, push(commitOf(1)))).toMatchObject({ status: 202 });
    await eventually(() => expect(relay.told).toContain('not registered yet'));
    expect(await (await fetch(`${relay.url}/health`)).json()).toMatchObject({
      status: 'ready',
      relay_id: null,
      spool: { waiting: 1 },
      control_plane: { status: 'away' },
    });
    await bench.controlPlane.start();
    await received(1);
    expect(relay.told.match(/not registered yet/g)).toHaveLength(1);
  });

  it('is one relay, however often the answer to its registration is lost', async () => {
    bench.controlPlane.loseAnswers = 3;
    await bench.start();
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    expect(bench.controlPlane.registrations()).toHaveLength(4);
    expect(bench.controlPlane.relays.size).toBe(1);
  });

  it('sends on while the control plane is away, and says so once', async () => {
    const relay = await bench.start();
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    await bench.controlPlane.stop();
    await eventually(() => expect(relay.told).toContain('webhooks are taken and sent without it'));
    found.length = 0;
    await send(relay.url, push(commitOf(1)));
    await received(1);
    // Away for another reason is away all the same.
    const before = bench.controlPlane.heartbeats().length;
    bench.controlPlane.isBusy = true;
    await bench.controlPlane.start();
    await eventually(() => expect(bench.controlPlane.heartbeats().length).toBeGreaterThan(before));
    bench.controlPlane.isBusy = false;
    await eventually(() => expect(relay.told).toMatch(/the control plane .* answers\n/));
    expect(relay.told.match(/webhooks are taken and sent without it/g)).toHaveLength(1);
  });

  it('registers anew where it is not known any more, and signs as that one', async () => {
    const relay = await bench.start();
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    const [before] = bench.controlPlane.relays.keys();
    bench.controlPlane.relays.clear();
    await eventually(() => expect(bench.controlPlane.registrations()).toHaveLength(2));
    found.length = 0;
    await send(relay.url, push(commitOf(1)));
    await received(1);
    expect(found[0]?.relay_id).not.toBe(before);
    expect(relay.told).toContain('does not know this relay any more (relay_unknown)');
  });

  it('goes on taking webhooks where it may not register anew, also after a start, and says what to do', async () => {
    const relay = await bench.start();
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    bench.controlPlane.tokens.clear();
    bench.controlPlane.relays.clear();
    await eventually(() => expect(relay.told).toContain('the join token must be one for relays'));
    await relay.stop();
    const again = await bench.start();
    await eventually(() => expect(again.told).toContain('the join token must be one for relays'));
    expect(await send(again.url, push(commitOf(1)))).toMatchObject({ status: 202 });
    bench.controlPlane.tokens.add('join-me');
    found.length = 0;
    await received(1);
  });

  it('registers by OAuth 2.0 client credentials, also where the secret goes in the body', async () => {
    await bench.start({
      control_plane: {
        url: bench.controlPlane.url,
        oauth2: {
          token_url: `${bench.controlPlane.url}/token`,
          client_id: 'relay 1',
          client_secret: { file: 'client-secret' },
          scope: 'relays',
          audience: 'hybrid',
        },
      },
    });
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    const [basic, body] = bench.controlPlane.came.filter(({ path }) => path === '/token');
    expect(basic).toMatchObject({
      authorization: `Basic ${Buffer.from('relay+1:client%3Asecret').toString('base64')}`,
      body: { grant_type: 'client_credentials', scope: 'relays', audience: 'hybrid' },
    });
    expect(body).toMatchObject({ authorization: undefined, body: { client_id: 'relay 1' } });
    expect(bench.controlPlane.registrations()[0]?.authorization).toMatch(/^Bearer token-/);
  });

  it('is another relay with another key', async () => {
    const first = await bench.start();
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    await first.stop();
    await rm(join(bench.home, 'data/relay-key.json'));
    await bench.start();
    await eventually(async () => {
      const stored = JSON.parse(await readFile(join(bench.home, 'data/registration.json'), 'utf8')) as object;
      const [, second] = bench.controlPlane.relays.keys();
      expect(stored).toMatchObject({ connection: 'acme', relay_id: second });
    });
  });
});

describe('relay with wrong settings', () => {
  const bench = workbench();

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['listen', { listen: 'nowhere' }, /net-zero.yaml:\d+:\d+ relay.listen: .*host:port/],
    [
      'a missing secret',
      { digest_key: { id: 'k', key: { env: 'NOT_THERE' } } },
      /relay.digest_key.key: .*NOT_THERE/,
    ],
    ['a weak key', { digest_key: { id: 'k', key: { file: 'join-token' } } }, /openssl rand -hex 32/],
    ['no control plane', { control_plane: undefined }, /has no relay.control_plane/],
    ['a folder without tools', { tools: '/nowhere' }, /\/nowhere\/github.yaml, cannot be read .*relay.tools/],
    [
      'a weak secret',
      { sources: [{ name: 'hub', tool: 'github', secrets: [{ file: 'join-token' }] }] },
      /\(hub\)\.secrets\[0\]: .*found by trial/,
    ],
  ])('says what is wrong with %s, where, and how to mend it', async (_, relay, message) => {
    const failure = await bench.start(relay).catch((error: Error) => error);
    expect(failure).toMatchObject({ name: 'SettingsError', message: expect.stringMatching(message) });
  });

  it('ends with 1 before it shows its token to another machine without TLS, also when it is asked to check', async () => {
    const control_plane = { url: 'http://hybrid.example.com', join_token: { file: 'join-token' } };
    const file = await bench.configure({ control_plane });
    for (const args of [[], ['--check']]) {
      const relay = bench.startProcess(['--config', file, ...args]);
      expect(await relay.ended).toBe(1);
      expect(relay.stderr).toMatch(
        /net-zero.yaml:\d+:\d+ relay.control_plane.url: .*hybrid.example.com without TLS.*allow_plain_text: true/,
      );
    }
  });

  it('opens a queue without TLS at other addresses only where that is allowed', async () => {
    const opening = async (queue: object, relay: Record<string, unknown>): Promise<unknown> => {
      const configuration = await readConfiguration(await bench.configure(relay, { queue }));
      const { signal } = new AbortController();
      return checkRelay(configuration, signal).catch((error: Error) => error.message);
    };
    // Whether TLS is spoken with an address without a scheme only the kind of queue knows.
    const pubsub = { kind: 'gcp_pubsub', project: 'project-1', topic: 'deliveries', subscription: 'reader' };
    const google = { ...pubsub, aside: 'aside', endpoint: 'pubsub.example.com:8085' };
    expect(await opening(google, {})).toMatch(/pubsub.example.com .*plain text/);
    // It is of this machine, and does not say so.
    const redis = { kind: 'redis', url: 'redis://0.0.0.0:1', stream: 's', group: 'g', aside: 'a' };
    expect(await opening(redis, { allow_plain_text: true })).toMatch(/^queue: Redis cannot be reached/);
  });

  it('ends with 1 where its first registration is refused, and does not repeat the token', async () => {
    bench.controlPlane.tokens.clear();
    const relay = bench.startProcess(['--config', await bench.configure()]);
    expect(await relay.ended).toBe(1);
    expect(relay.stderr).toContain('the registration was refused with 401 join_token_unknown');
    expect(relay.stderr).not.toContain('join-me');
  });

  it('does not share its folder or its port', async () => {
    const file = await bench.configure();
    const first = bench.startProcess(['--config', file]);
    const { host } = new URL(await first.url);
    await expect(bench.start()).rejects.toThrow('another relay (process');
    await expect(bench.start({ data: 'other', listen: host })).rejects.toThrow(
      /relay.listen .* \(EADDRINUSE\)/,
    );
  });

  it('looks at everything when it is asked to check, and takes nothing', async () => {
    const signal = new AbortController().signal;
    const configuration = await readConfiguration(await bench.configure());
    expect(await checkRelay(configuration, signal)).toEqual([
      'source hub (github): ok, at /webhooks/hub',
      'digest key digests-1: ok',
      `control plane ${bench.controlPlane.url}: has what to register with; not asked`,
      expect.stringContaining('may be written to'),
    ]);
    await writeFile(join(bench.home, 'join-token'), '');
    await expect(checkRelay(configuration, signal)).rejects.toThrow(/^relay.control_plane.join_token: /);
    await writeFile(join(bench.home, 'join-token'), 'join-me');
    await bench.takeQueueAway();
    await expect(checkRelay(configuration, signal)).rejects.toThrow(/^queue: /);
    expect(bench.controlPlane.came).toEqual([]);
  });
});
