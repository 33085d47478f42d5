import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Vouches for workloads as a platform does: OpenID Connect Discovery, its public keys, and tokens that it signs. */
export class TokenIssuer {
  /** How often each was asked for. */
  readonly asked = { configuration: 0, keys: 0 };
  /** What it answers instead, where that is set. */
  configuration?: Answer;
  keys?: Answer;
  private readonly known: JWK[] = [];
  private current!: { kid: string; alg: string; key: CryptoKey };

  private constructor(private readonly server: Server) {}

  static async start(alg = 'ES256'): Promise<TokenIssuer> {
    const server = createServer();
    const issuer = new TokenIssuer(server);
    server.on('request', (request, response) => issuer.answer(request, response));
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    await issuer.rotate(alg);
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The public keys, the newest last. */
  get jwks(): JWK[] {
    return this.known;
  }

  /** Signs with another key from now on; those before are told still unless they are forgotten. */
  async rotate(alg = 'ES256', forget = false): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `key-${this.known.length + 1}-${alg}`;
    if (forget) this.known.length = 0;
    this.known.push({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' });
    this.current = { kid, alg, key: privateKey };
  }

  /** A token of now, for five minutes; claims that are undefined are left out. */
  sign(claims: JWTPayload & Record<string, unknown>, header: { kid?: string } = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const { kid, alg, key } = this.current;
    const payload = { iss: this.url, iat: now, exp: now + 300, ...claims };
    return new SignJWT(JSON.parse(JSON.stringify(payload)) as JWTPayload)
      .setProtectedHeader({ alg, kid, typ: 'JWT', ...header })
      .sign(key);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((stopped) => this.server.close(stopped));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const json = (body: unknown) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    switch (request.url) {
      case '/.well-known/openid-configuration':
        this.asked.configuration++;
        return this.configuration
          ? this.configuration(request, response)
          : json({ issuer: this.url, jwks_uri: `${this.url}/keys` });
      case '/keys':
        this.asked.keys++;
        return this.keys ? this.keys(request, response) : json({ keys: this.known });
      default:
        response.writeHead(404).end();
    }
  }
}
