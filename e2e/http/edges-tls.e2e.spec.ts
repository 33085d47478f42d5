import { bundleOf } from '@hybrid/servers';
import { eventually, selfSignedCertificate } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { ask } from './client.js';
import { ADMIN, EdgeGateway, JOIN } from './edge-gateway.js';

describe("the gateway's own TLS", () => {
  let gateway: EdgeGateway;

  beforeAll(async () => {
    gateway = await EdgeGateway.open();
  });
  afterAll(() => gateway?.close());
  afterEach(() => gateway.stop());

  const tlsIn = async (name: string) => {
    const { certFile, keyFile } = await selfSignedCertificate(gateway.directory, name);
    return { HYBRID_TLS_CERT_FILE: certFile, HYBRID_TLS_KEY_FILE: keyFile };
  };
  const port = () => Number(new URL(gateway.url).port);
  /** Whom the gateway says it is, to who trusts anybody. */
  const shownName = (options: object = {}) =>
    new Promise<string>((done, fail) => {
      const socket = connectTls(
        { port: port(), host: '127.0.0.1', rejectUnauthorized: false, ...options },
        () => {
          done(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        },
      ).on('error', fail);
    });
  const over = (ca: Buffer, path: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number | undefined; headers: IncomingHttpHeaders; text: string }>((done, fail) => {
      httpsRequest(gateway.url + path, { ca, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (more: string) => {
          text += more;
          // A stream of events has no end of its own.
          if (text.includes(': connected')) response.destroy();
        });
        response.on('close', () => done({ status: response.statusCode, headers: response.headers, text }));
      })
        .on('error', fail)
        .end();
    });

  it('serves requests and streams, tells browsers to stay with it, and speaks nothing older than 1.2', async () => {
    const files = await tlsIn('gateway');
    await gateway.start(files);
    const ca = await readFile(files.HYBRID_TLS_CERT_FILE);
    const authorization = `Bearer ${ADMIN}`;
    const answer = await over(ca, '/api/roles', { authorization });
    expect(answer.status).toBe(200);
    expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
    const events = await over(ca, '/api/dashboard/events', { authorization, accept: 'text/event-stream' });
    expect(events).toMatchObject({ status: 200, text: expect.stringContaining(': connected') as unknown });
    await expect(shownName({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
    await expect(over(Buffer.from(''), '/health')).rejects.toThrow(/self-signed/);
    await expect(ask(gateway.url.replace('https', 'http'), 'GET /health')).rejects.toThrow();
  });

  it('serves the new certificate once both files are there, and the old one until then', async () => {
    const files = await tlsIn('first');
    await gateway.start(files);
    expect(await shownName()).toBe('first');
    const next = await tlsIn('second');
    await copyFile(next.HYBRID_TLS_CERT_FILE, files.HYBRID_TLS_CERT_FILE);
    expect(await shownName()).toBe('first');
    await copyFile(next.HYBRID_TLS_KEY_FILE, files.HYBRID_TLS_KEY_FILE);
    await eventually(async () => expect(await shownName()).toBe('second'));
  });

  it('is what the agent and the command line speak where they are told of its authority', async () => {
    const files = await tlsIn('private');
    await gateway.start(files);
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: files.HYBRID_TLS_CERT_FILE, HYBRID_URL: gateway.url };
    const cli = (more: NodeJS.ProcessEnv) =>
      new Promise<{ code: number | null; stdout: string; stderr: string }>((done) => {
        const own = { ...env, HYBRID_TOKEN: ADMIN, ...more };
        const args = [bundleOf('cli'), 'doctor', '-o', 'json'];
        const child = execFile(process.execPath, args, { env: own }, (_, stdout, stderr) =>
          done({ code: child.exitCode, stdout, stderr }),
        );
      });
    expect(await cli({})).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('HYBRID_ADMIN_TOKEN') as unknown,
    });
    expect(await cli({ NODE_EXTRA_CA_CERTS: '' })).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/NODE_EXTRA_CA_CERTS/) as unknown,
    });
    const agent = spawn(
      process.execPath,
      [
        ...[bundleOf('agent'), '--data', join(gateway.directory, 'agent'), '--name', 'by-tls'],
        ...['--executor', 'process', '--allow-host'],
      ],
      { env: { ...env, HYBRID_JOIN_TOKEN: JOIN }, stdio: 'ignore' },
    );
    try {
      await eventually(() => expect(gateway.registered).toBeGreaterThan(0));
    } finally {
      agent.kill('SIGKILL');
    }
  });

  it('without a certificate that fits keeps the gateway from starting', async () => {
    const files = await tlsIn('broken');
    await copyFile((await tlsIn('other')).HYBRID_TLS_KEY_FILE, files.HYBRID_TLS_KEY_FILE);
    await expect(gateway.start(files)).rejects.toThrow(/is not that of the certificate/);
  });
});
