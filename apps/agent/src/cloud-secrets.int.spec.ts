import { selfSignedCertificate } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createProxy, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import grpc from '@grpc/grpc-js';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent } from '../test/agent-process.js';

const VAULT = 'my-vault.vault.azure.net';
const LOGIN = 'login.microsoftonline.com';
const GOOGLE = 'secretmanager.googleapis.com';
const TENANT = '11111111-2222-3333-4444-555555555555';

/** The SDKs insist on the true names by TLS: a proxy leads them here, as it leads an agent out of a closed network. */
describe('secrets of Azure and Google, by their SDKs against servers that speak their protocols', () => {
  let folder: string;
  let servers: Server[];
  let google: grpc.Server;
  let env: Record<string, string>;
  const tunnels = new Set<Socket>();
  const asked: { host: string; line: string; authorization?: string }[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-cloud-'));
    const hosts = [VAULT, LOGIN, GOOGLE];
    const { certFile, keyFile } = await selfSignedCertificate(folder, 'clouds', '127.0.0.1', hosts);
    const clouds = createTlsServer(
      { cert: await readFile(certFile), key: await readFile(keyFile) },
      (request, response) => {
        const { host = '', authorization } = request.headers;
        asked.push({ host, line: `${request.method} ${request.url}`, authorization });
        request.resume();
        const { status, headers, body } = answerOf(request);
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(body));
      },
    ) as unknown as Server;
    const at = await listen(clouds);
    google = secretManager(asked);
    const googleAt = await new Promise<number>((resolve, reject) => {
      const pair = { cert_chain: readFileSync(certFile), private_key: readFileSync(keyFile) };
      const credentials = grpc.ServerCredentials.createSsl(null, [pair]);
      google.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port)));
    });
    const proxy = createProxy();
    proxy.on('connect', ({ url = '' }: IncomingMessage, socket: Socket) => {
      const to = connect(url.startsWith(GOOGLE) ? googleAt : at, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        to.pipe(socket).pipe(to);
      });
      for (const end of [to, socket]) tunnels.add(end.on('error', () => undefined));
    });
    servers = [clouds, proxy];
    const throughProxy = `http://127.0.0.1:${await listen(proxy)}`;
    const account = join(folder, 'account.json');
    await writeFile(account, JSON.stringify(serviceAccount()));
    env = {
      HTTPS_PROXY: throughProxy,
      https_proxy: throughProxy,
      NODE_EXTRA_CA_CERTS: certFile,
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: '66666666-7777-8888-9999-000000000000',
      AZURE_CLIENT_SECRET: 'the-client-secret',
      GOOGLE_APPLICATION_CREDENTIALS: account,
    };
  });
  afterAll(async () => {
    google.forceShutdown();
    for (const tunnel of tunnels) tunnel.destroy();
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await rm(folder, { recursive: true });
  });

  async function check(secrets: Record<string, string>): Promise<string> {
    const flags = ['--url', 'http://127.0.0.1:9', '--data', join(folder, 'data'), '--check-secrets'];
    const agent = startAgent([...flags, '--secrets', JSON.stringify(secrets)], env);
    await agent.ended;
    expect(agent.stdout + agent.stderr).not.toMatch(/the-value|the-client-secret|the-token/);
    return agent.stdout + agent.stderr;
  }

  it('Azure Key Vault: logs in where the vault says, and reads', async () => {
    expect(
      await check({
        KEY: 'azure-kv://my-vault/npm#token',
        VERSION: 'azure-kv://my-vault/npm/0a1b',
        GONE: 'azure-kv://my-vault/gone',
      }),
    ).toMatch(
      /KEY: ok\nVERSION: ok\nGONE: the secret GONE cannot be had from azure-kv:\/\/my-vault\/gone: Azure says .*not found/,
    );
    const reads = asked.filter(({ host, authorization }) => host === VAULT && authorization);
    expect(reads.map(({ line }) => line.split('?')[0])).toContain('GET /secrets/npm/0a1b');
    expect(reads[0]?.authorization).toBe('Bearer the-token-of-azure');
  });

  it('Google Secret Manager: reads the latest or a version', async () => {
    expect(
      await check({
        KEY: 'gcp-sm://my-project/npm#token',
        VERSION: 'gcp-sm://my-project/npm/7',
        GONE: 'gcp-sm://my-project/gone',
      }),
    ).toMatch(
      /KEY: ok\nVERSION: ok\nGONE: the secret GONE cannot be had from gcp-sm:\/\/my-project\/gone: Google says .*not found/,
    );
    const reads = asked.filter(({ host }) => host === GOOGLE);
    expect(reads.map(({ line }) => line).sort()).toEqual([
      'projects/my-project/secrets/gone/versions/latest',
      'projects/my-project/secrets/npm/versions/7',
      'projects/my-project/secrets/npm/versions/latest',
    ]);
    expect(reads[0]?.authorization).toMatch(/^Bearer ey/);
  });
});

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

function answerOf({ url = '', headers }: IncomingMessage): Answer {
  const { pathname } = new URL(url, 'https://cloud');
  switch (headers.host) {
    case LOGIN:
      return { status: 200, body: loginAnswer(pathname) };
    case VAULT:
      if (!headers.authorization) {
        const challenge = `Bearer authorization="https://${LOGIN}/${TENANT}", resource="https://vault.azure.net"`;
        return { status: 401, headers: { 'www-authenticate': challenge }, body: {} };
      }
      return pathname.startsWith('/secrets/npm')
        ? {
            status: 200,
            body: { value: '{"token":"the-value"}', id: `https://${VAULT}/secrets/npm/0a1b`, attributes: {} },
          }
        : {
            status: 404,
            body: { error: { code: 'SecretNotFound', message: 'A secret was not found in this key vault' } },
          };
    default:
      return {
        status: 200,
        body: { access_token: 'the-token-of-google', expires_in: 3600, token_type: 'Bearer' },
      };
  }
}

/** One call of its gRPC service, in its bytes: AccessSecretVersionRequest{name}, …Response{payload{data}}. */
function secretManager(asked: { host: string; line: string; authorization?: string }[]): grpc.Server {
  const server = new grpc.Server();
  const bytes = (value: Buffer): Buffer => value;
  const field = (number: number, content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  const access: grpc.handleUnaryCall<Buffer, Buffer> = ({ request, metadata }, answer) => {
    const line = request.subarray(2).toString();
    asked.push({ host: GOOGLE, line, authorization: String(metadata.get('authorization')[0]) });
    if (!line.includes('/secrets/npm/'))
      return answer({ code: grpc.status.NOT_FOUND, details: 'Secret [gone] not found.' });
    answer(null, field(2, field(1, Buffer.from('{"token":"the-value"}'))));
  };
  const path = '/google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion';
  const codec = {
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  server.addService({ access: { path, requestStream: false, responseStream: false, ...codec } }, { access });
  return server;
}

function loginAnswer(path: string): unknown {
  const base = `https://${LOGIN}/${TENANT}`;
  if (path.endsWith('/openid-configuration'))
    return {
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
    };
  if (path.includes('/discovery/instance'))
    return {
      tenant_discovery_endpoint: `${base}/v2.0/.well-known/openid-configuration`,
      metadata: [{ preferred_network: LOGIN, preferred_cache: LOGIN, aliases: [LOGIN] }],
    };
  return { token_type: 'Bearer', expires_in: 3600, ext_expires_in: 3600, access_token: 'the-token-of-azure' };
}

function serviceAccount(): object {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    type: 'service_account',
    project_id: 'my-project',
    private_key_id: 'k',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: 'agent@my-project.iam.gserviceaccount.com',
    token_uri: 'https://oauth2.googleapis.com/token',
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
