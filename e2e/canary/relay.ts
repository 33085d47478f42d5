/** The customer's relay and queue, and what comes in over them. */
import { DEFAULT_ORG, type DeliveryView, type RegisteredRelay, type RelayView } from '@hybrid/contracts';
import { bundleOf, freePort, startProcess } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { openWriter, type DirectoryQueue } from '@hybrid/user-queue';
import { expect } from '@jest/globals';
import { createHmac, createPrivateKey, hash, randomUUID, sign } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { System } from '../system.js';
import { Mark } from './mark.js';
import { headersOf, pullRequestOf, pushOf } from './webhooks.js';

const CONNECTION = 'shop';
const SOURCE = 'hub';
/** Of a queue that does not answer. */
const AWAY = 'away';

/** Where the operator lets customers' queues be, and has the credentials that they gave him. */
export function queueSettings(folder: string): NodeJS.ProcessEnv {
  return {
    HYBRID_QUEUE_DIRECTORIES: join(folder, 'queues'),
    HYBRID_QUEUE_CREDENTIALS: join(folder, 'queue-credentials'),
  };
}

export interface Crossed {
  deliveries: DeliveryView[];
  relay: RelayView;
  connections: string[];
  /** What nobody planted, and is the customer's alone as well. */
  secrets: [name: string, mark: Mark][];
}

export interface WebhookOptions {
  system: System;
  folder: string;
  /** Stays. */
  canary: Mark;
  /** Crosses: the name of a branch. */
  crossing: Mark;
  /** What the push starts. It has an input `branch`. */
  pipeline: string;
}

/** Through the relay, the queue and the routing service, until each is decided and done. */
export async function sendWebhooks(options: WebhookOptions): Promise<Crossed> {
  const { system, folder, canary, crossing, pipeline } = options;
  const queue: DirectoryQueue = { kind: 'directory', path: join(folder, 'queues', 'shop') };
  await mkdir(queue.path, { recursive: true });
  const shared = { version: 1, name: CONNECTION, environment: 'test', queue, routes: routesTo(pipeline) };
  await connect(system, shared, canary);
  await connectAway(system, folder, canary);
  const relay = await startRelay(system, folder, shared, canary);
  try {
    const push = pushOf(canary, crossing);
    await relay.refused(canary);
    expect(await relay.send('push', push)).toBe(202);
    expect(await relay.send('pull_request', pullRequestOf(canary))).toBe(202);
    // It takes webhooks before it is registered.
    const registration = await eventually(() => relay.registration());
    await sendWhatNoRelayMakes(queue, canary, registration.relay_id, await relay.key());
    const deliveries = await eventually(async () => {
      const { body } = await system.admin<{ deliveries: DeliveryView[] }>('GET /api/deliveries');
      expect(body.deliveries.map(({ status }) => status).sort()).toEqual([
        ...Array<string>(4).fill('REFUSED'),
        ...Array<string>(2).fill('SENT'),
      ]);
      return body.deliveries;
    });
    const view = await system.admin<RelayView>(`GET /api/relays/${registration.relay_id}`);
    return {
      deliveries,
      relay: view.body,
      connections: [CONNECTION, AWAY],
      secrets: [
        ["the relay's private key", new Mark((await relay.key()).d)],
        ["the relay's API key", new Mark(registration.api_key)],
        ['the bare digest of a payload', new Mark(hash('sha256', push, 'hex'))],
      ],
    };
  } finally {
    await relay.stop();
  }
}

function routesTo(pipeline: string): object {
  const inputs = { branch: '{{metadata.branch}}' };
  const rules = [{ name: 'pushed', when: { kind: 'push' }, then: { do: 'run', pipeline, inputs } }];
  return { rules, default: { do: 'ignore' } };
}

/** The first time with what is not the control plane's to know: refused, and forgotten. */
async function connect(system: System, shared: object, canary: Mark): Promise<void> {
  const put = (more: object) =>
    system.admin(`PUT /api/connections/${CONNECTION}`, {
      json: { configuration: JSON.stringify({ ...shared, ...more }) },
    });
  const digest_key = { id: 'k', key: canary.value('configuration') };
  const url = `redis://user:${canary.value('urlpassword')}@queue.example.com`;
  const queue = { kind: 'redis', url, stream: 's', group: 'g', aside: 'a' };
  expect((await put({ relay: { data: canary.value('relaydata'), digest_key, sources: [] } })).status).toBe(
    422,
  );
  expect((await put({ queue })).status).toBe(422);
  expect((await put({ [canary.value('key')]: canary.value('unknown') })).status).toBe(422);
  expect((await put({})).status).toBe(200);
}

/** A queue that does not answer whoever comes with the credential that its owner gave to the operator. */
async function connectAway(system: System, folder: string, canary: Mark): Promise<void> {
  const credentials = join(folder, 'queue-credentials', DEFAULT_ORG);
  await mkdir(credentials, { recursive: true });
  const credential = `user:${canary.value('queuecredential')}`;
  await writeFile(join(credentials, 'redis'), credential, { mode: 0o600 });
  const url = `redis://127.0.0.1:${await freePort()}`;
  const configuration = JSON.stringify({
    version: 1,
    name: AWAY,
    environment: 'test',
    queue: { kind: 'redis', url, stream: 's', group: 'g', aside: 'a' },
    credentials: { control_plane: { name: 'redis' } },
    routes: { rules: [] },
  });
  const put = await system.admin(`PUT /api/connections/${AWAY}`, { json: { configuration } });
  expect(put.status).toBe(200);
  const verified = await system.admin(`POST /api/connections/${AWAY}/verify`);
  expect(verified.body).toMatchObject({ status: 'UNREACHABLE' });
}

type PrivateKey = { d: string } & Record<string, string>;

interface Relay {
  /** Answers the status. */
  send(event: string, body: string): Promise<number>;
  /** Webhooks that it does not take. */
  refused(canary: Mark): Promise<void>;
  registration(): Promise<RegisteredRelay>;
  key(): Promise<PrivateKey>;
  stop(): Promise<unknown>;
}

async function startRelay(system: System, folder: string, shared: object, canary: Mark): Promise<Relay> {
  const secret = canary.value('webhooksecret');
  const join_token = await system.admin<{ token: string }>('POST /api/join-tokens', {
    json: { name: 'relay', for: 'relay' },
  });
  await writeFile(join(folder, 'relay-join-token'), join_token.body.token, { mode: 0o600 });
  await writeFile(join(folder, 'digest-key'), canary.value('digestkey'), { mode: 0o600 });
  const config = join(folder, 'net-zero.yaml');
  const relay = {
    listen: '127.0.0.1:0',
    data: 'relay',
    control_plane: { url: system.url, join_token: { file: 'relay-join-token' } },
    digest_key: { id: 'digests-1', key: { file: 'digest-key' } },
    sources: [{ name: SOURCE, tool: 'github', secrets: [{ env: 'WEBHOOK_SECRET' }] }],
  };
  await writeFile(config, JSON.stringify({ ...shared, relay }));
  const process = await startProcess({
    name: 'relay',
    command: globalThis.process.execPath,
    args: [bundleOf('relay'), '--config', config],
    env: { PATH: globalThis.process.env['PATH'], WEBHOOK_SECRET: secret },
    log: join(folder, 'relay.log'),
  });
  const { url } = (await process.ready) as { url: string };
  const post = async (event: string, body: string, key = secret, source = SOURCE): Promise<number> => {
    const headers = headersOf(canary, event, createHmac('sha256', key).update(body).digest('hex'));
    const address = `${url}/webhooks/${source}?token=${canary.value('webhookquery')}`;
    const { status } = await fetch(address, { method: 'POST', headers, body });
    return status;
  };
  const stored = async <T>(file: string): Promise<T> =>
    JSON.parse(await readFile(join(folder, 'relay', file), 'utf8')) as T;
  return {
    send: post,
    async refused(mark) {
      const body = JSON.stringify({ ref: mark.value('webhookref') });
      expect(await post('push', body, mark.value('othersecret'))).toBe(401);
      expect(await post('push', mark.value('nojson'))).toBe(400);
      expect(await post('push', body, secret, mark.value('source'))).toBe(404);
    },
    registration: () => stored('registration.json'),
    key: () => stored('relay-key.json'),
    stop: () => process.stop(),
  };
}

/** By others who may write to the queue, and by a relay that is not ours: refused, and only a digest of it is kept. */
async function sendWhatNoRelayMakes(
  queue: DirectoryQueue,
  canary: Mark,
  relay_id: string,
  key: PrivateKey,
): Promise<void> {
  const payload = { relay_id, [canary.value('deliverykey')]: canary.value('delivery') };
  const signed = (kid: string): string => {
    const parts = [{ alg: 'EdDSA', kid, typ: 'hybrid-delivery+jws' }, payload];
    const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const by = createPrivateKey({ key, format: 'jwk' });
    return `${text}.${sign(null, Buffer.from(text), by).toString('base64url')}`;
  };
  const writer = await openWriter(queue);
  await writer.send([
    canary.value('message'),
    signed(relay_id),
    signed(randomUUID()),
    signed(canary.value('signer')),
  ]);
  await writer.close();
}
