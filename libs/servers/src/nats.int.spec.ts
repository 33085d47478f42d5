import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats } from './nats.js';
import type { ServerWithUrl } from './server.js';

function clientOptions(url: string) {
  const { username, password, host } = new URL(url);
  return { servers: host, user: username, pass: password, reconnect: false };
}

describe('NATS', () => {
  let dataDir: string;
  let nats: ServerWithUrl | undefined;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hybrid-nats-'));
  });
  afterEach(async () => {
    await nats?.kill();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('keeps messages, port and password over a kill, a restart and a new start', async () => {
    nats = await startNats({ dataDir });
    let client = await connect(clientOptions(nats.url));
    await (await jetstreamManager(client)).streams.add({ name: 'KEPT', subjects: ['kept.>'] });
    await jetstream(client).publish('kept.one', 'text');
    await client.close();

    await nats.kill();
    await nats.restart();
    client = await connect(clientOptions(nats.url));
    expect((await (await jetstreamManager(client)).streams.info('KEPT')).state.messages).toBe(1);
    await client.close();

    const { url, port } = nats;
    await nats.stop();
    nats = await startNats({ dataDir, port });
    expect(nats.url).toBe(url);
    client = await connect(clientOptions(url));
    expect((await (await jetstreamManager(client)).streams.info('KEPT')).state.messages).toBe(1);
    await client.close();
  });

  it('refuses a client without the password, and keeps the password to its owner', async () => {
    nats = await startNats({ dataDir });
    await expect(connect({ servers: `127.0.0.1:${nats.port}`, reconnect: false })).rejects.toThrow(
      /authoriz/i,
    );
    for (const file of ['nats.conf', 'secrets/nats-password']) {
      expect((await stat(join(dataDir, file))).mode & 0o777).toBe(0o600);
    }
    expect(await readFile(join(dataDir, 'nats.conf'), 'utf8')).toContain('127.0.0.1:');
  });

  it('says why it does not start', async () => {
    nats = await startNats({ dataDir });
    const second = await mkdtemp(join(tmpdir(), 'hybrid-nats-'));
    try {
      await expect(startNats({ dataDir: second, port: nats.port })).rejects.toThrow(/nats ended[^]*in use/);
    } finally {
      await rm(second, { recursive: true, force: true });
    }
  });
});
