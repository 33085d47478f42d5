import { startNats, type NatsServer } from '@hybrid/servers';
import { eventually, selfSignedCertificate, type CertificateFiles } from '@hybrid/testing';
import { afterEach, beforeAll, afterAll, describe, expect, it } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectNats } from './connection.js';

describe('NATS over TLS', () => {
  let directory: string;
  let server: CertificateFiles;
  let client: CertificateFiles;
  let nats: NatsServer | undefined;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-nats-tls-'));
    server = await selfSignedCertificate(directory, 'server');
    client = await selfSignedCertificate(directory, 'client');
  });
  afterEach(async () => {
    await nats?.stop();
    nats = undefined;
  });
  afterAll(() => rm(directory, { recursive: true }));

  const start = async (tls?: { clientCaFile?: string }) =>
    (nats = await startNats({
      dataDir: join(directory, 'data'),
      ...(tls && { tls: { ...server, ...tls } }),
    }));
  const failure = async (url: string, files?: Parameters<typeof connectNats>[2]) => {
    const connection = await connectNats(url, 'spec', files).catch((error: Error) => error);
    if (connection instanceof Error) return connection.message;
    await connection.close();
    return 'it connected';
  };

  it('is spoken with a server whose authority is known', async () => {
    const { url } = await start({});
    expect(url).toMatch(/^tls:/);
    const connection = await connectNats(url, 'spec', { caFile: server.certFile });
    expect(connection.info?.tls_required).toBe(true);
    await connection.flush();
    await nats!.restart();
    await eventually(() => connection.flush());
    await connection.close();
  });

  it('is refused with another authority, or none', async () => {
    const { url, port } = await start({});
    const where = `NATS at 127.0.0.1:${port}: TLS failed`;
    expect(await failure(url, { caFile: client.certFile })).toContain(
      `${where} (DEPTH_ZERO_SELF_SIGNED_CERT)`,
    );
    expect(await failure(url)).toContain(`${where} (DEPTH_ZERO_SELF_SIGNED_CERT)`);
  });

  it('is refused with the name of another server', async () => {
    const elsewhere = await selfSignedCertificate(directory, 'elsewhere', '192.0.2.1');
    nats = await startNats({ dataDir: join(directory, 'data'), tls: elsewhere });
    expect(await failure(nats.url, { caFile: elsewhere.certFile })).toContain(
      '(ERR_TLS_CERT_ALTNAME_INVALID)',
    );
    const byName = nats.url.replace('127.0.0.1', 'localhost');
    expect(await failure(byName, { caFile: elsewhere.certFile })).toBe('it connected');
  });

  it('takes nothing less from a server that has none', async () => {
    const { url } = await start();
    expect(await failure(url.replace('nats:', 'tls:'), { caFile: server.certFile })).toMatch(
      /TLS failed \(.*tls/,
    );
  });

  it('shows its own certificate where the server wants one', async () => {
    const { url } = await start({ clientCaFile: client.certFile });
    const { certFile, keyFile } = client;
    expect(await failure(url, { caFile: server.certFile, certFile, keyFile })).toBe('it connected');
    // By the client itself, which gives up: ours would wait for a server that takes it.
    const { username, password, host } = new URL(url);
    const login = { servers: host, user: username, pass: password, timeout: 1_000 };
    await expect(connect({ ...login, tls: { caFile: server.certFile } })).rejects.toThrow();
  });

  it('names the setting of a file that is no good', async () => {
    const url = 'tls://127.0.0.1:1';
    const nothing = join(directory, 'nothing.pem');
    const text = join(directory, 'text.pem');
    await writeFile(text, 'this is no certificate');
    const { certFile } = client;
    expect(await failure(url, { caFile: nothing })).toBe(`NATS_CA_FILE: ${nothing} cannot be read (ENOENT)`);
    expect(await failure(url, { caFile: directory })).toBe(
      `NATS_CA_FILE: ${directory} cannot be read (EISDIR)`,
    );
    expect(await failure(url, { caFile: text })).toContain(
      `NATS_CA_FILE: ${text} is not a certificate in PEM`,
    );
    expect(await failure(url, { certFile, keyFile: certFile })).toContain('is not a private key in PEM');
    expect(await failure(url, { certFile, keyFile: server.keyFile })).toContain('is not the key of');
    expect(await failure(url, { certFile })).toContain('belong together');
    expect(await failure('nats://127.0.0.1:1', { caFile: certFile })).toContain('must begin with tls://');
    expect(await failure(`${url},nats://127.0.0.1:2`)).toContain('must name all its servers by tls://');
  });
});
