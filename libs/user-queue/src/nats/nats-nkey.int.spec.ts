import { findNatsServer, freePort, startProcess } from '@hybrid/servers';
import { expect, it } from '@jest/globals';
import { nkeys } from '@nats-io/transport-node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWriter } from '../open.js';

it('NATS lets in who has the seed of a user key, and nobody with another', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-nats-nkey-'));
  const [user, other] = [nkeys.createUser(), nkeys.createUser()];
  const port = await freePort();
  const file = join(directory, 'nats.conf');
  await writeFile(
    file,
    `listen: "127.0.0.1:${port}"\nauthorization { users: [{ nkey: ${user.getPublicKey()} }] }\n`,
  );
  const server = await startProcess({
    name: 'nats',
    command: await findNatsServer(),
    args: ['-c', file],
    readyLine: (line) => (line.includes('Server is ready') ? {} : undefined),
  });
  try {
    await server.ready;
    const said = async (seed: string) => {
      const url = `nats://127.0.0.1:${port}`;
      const names = { stream: 'S', subject: 'in', consumer: 'c', aside: 'aside' };
      const writer = await openWriter({ kind: 'nats', url, ...names }, { credential: `${seed}\n` });
      const code = await writer.verifyAccess().catch((error: { code: string }) => error.code);
      await writer.close();
      return code;
    };
    const seedOf = (pair: typeof user) => new TextDecoder().decode(pair.getSeed());
    // It was let in, and found no stream.
    expect(await said(seedOf(user))).toBe('queue_missing');
    expect(await said(seedOf(other))).toBe('queue_denied');
    await expect(said('neither one nor the other')).rejects.toMatchObject({ code: 'queue_misconfigured' });
  } finally {
    await server.stop();
    await rm(directory, { recursive: true });
  }
});
