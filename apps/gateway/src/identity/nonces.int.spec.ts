import { connectNats } from '@hybrid/messaging';
import { startNats, type ServerWithUrl } from '@hybrid/servers';
import type { Connections } from '@hybrid/service';
import { eventually } from '@hybrid/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Nonces } from './nonces.js';

const now = () => Math.floor(Date.now() / 1000);
const replayed = { problem: { kind: 'unauthenticated', code: 'replayed' } };
const away = { problem: { kind: 'unavailable', code: 'service_unavailable' } };

describe('nonces, of several gateways', () => {
  let directory: string;
  let server: ServerWithUrl;
  const connections: NatsConnection[] = [];

  const gateway = async () => {
    const nats = await connectNats(server.url, 'gateway');
    connections.push(nats);
    const nonces = new Nonces({ nats } as Connections);
    await nonces.onModuleInit();
    return nonces;
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-nonces-'));
    server = await startNats({ dataDir: directory });
  });
  afterAll(async () => {
    await Promise.all(connections.map((nats) => nats.close()));
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('are taken once, whichever gateway they come to', async () => {
    const [one, two] = await Promise.all([gateway(), gateway()]);
    const nonce = randomUUID();
    await one.use(nonce, now());
    await expect(one.use(nonce, now())).rejects.toMatchObject(replayed);
    await expect(two.use(nonce, now())).rejects.toMatchObject(replayed);
    await two.use(randomUUID(), now());
  });

  it('are taken once where they come to all at the same moment', async () => {
    const [one, two] = await Promise.all([gateway(), gateway()]);
    const nonce = randomUUID();
    const tries = Array.from({ length: 40 }, (_, index) => (index % 2 ? one : two).use(nonce, now()));
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(replayed);
  });

  it('stand still in the server’s memory: no message is kept', async () => {
    const one = await gateway();
    for (let n = 0; n < 20; n++) await one.use(randomUUID(), now());
    const { state } = await (await jetstreamManager(connections[0]!)).streams.info('NONCES');
    expect(state.messages).toBe(1);
  });

  it('of before are refused by every gateway once the server lost its memory', async () => {
    const [one, two] = await Promise.all([gateway(), gateway()]);
    const [nonce, signed] = [randomUUID(), now()];
    await one.use(nonce, signed);
    await server.kill();
    await server.restart();
    for (const gateway of [one, two]) {
      // The first to come finds nobody there, and opens the next life of the stream, or hears of it.
      await eventually(() => expect(gateway.use(nonce, signed)).rejects.toMatchObject(replayed));
      await expect(gateway.use(randomUUID(), signed)).rejects.toMatchObject(replayed);
    }
    await eventually(() => one.use(nonce, now()));
    await expect(two.use(nonce, now())).rejects.toMatchObject(replayed);
  });

  it('are not taken while the server is away', async () => {
    const one = await gateway();
    await server.stop();
    await expect(one.use(randomUUID(), now())).rejects.toMatchObject(away);
    await server.restart();
    await eventually(() => one.use(randomUUID(), now()));
  });
});
