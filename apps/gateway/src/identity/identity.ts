/** Who is calling: by which credential a request comes, and what that stands for. */
import {
  agentsRequests,
  DEFAULT_ORG,
  identityRequests,
  ORGANISATION_NAME,
  problem,
  type CallContext,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Principal } from './principal.js';
import { Remembered } from './remembered.js';
import { readSecretToken, type SecretToken } from './secret-token.js';

/** What of a request says who sends it. */
export interface Presented {
  headers: Record<string, string | string[] | undefined>;
}

/** Digests of the two tokens of the installation. */
export class Tokens {
  private readonly digests: { kind: 'installation' | 'joiner'; digest: Buffer }[];

  constructor(adminToken: string, joinToken: string) {
    this.digests = [
      { kind: 'installation', digest: digest(adminToken) },
      { kind: 'joiner', digest: digest(joinToken) },
    ];
  }

  /** Of the token with this digest. Compares in constant time. */
  kindOf(given: Buffer): 'installation' | 'joiner' | undefined {
    return this.digests.filter((known) => timingSafeEqual(known.digest, given)).at(0)?.kind;
  }
}

const CREDENTIAL = /^hya_([0-9a-f-]{36})_[A-Za-z0-9_-]{20,100}$/;

@Injectable()
export class Identity {
  private readonly remembered = new Remembered();

  constructor(
    private readonly tokens: Tokens,
    private readonly connections: Connections,
  ) {
    this.remembered.listen(connections.nats);
  }

  /** @throws ProblemError `unauthenticated`, or another code that says what is wrong with the credential. */
  async identify(request: Presented): Promise<Principal> {
    const principal = await this.present(request);
    const wanted = one(request.headers['x-organisation']);
    if (wanted === undefined || wanted === principal.org) return principal;
    if (principal.kind !== 'installation')
      throw problem('forbidden', 'other_organisation', 'this credential is of another organisation');
    if (!ORGANISATION_NAME.test(wanted))
      throw problem('invalid', 'invalid_input', 'the header X-Organisation is no name of an organisation');
    await this.remembered.get(`org:${wanted}`, () =>
      this.connections.requests.send(identityRequests.organisation, { organisation: wanted }, asNobody()),
    );
    return { ...principal, org: wanted };
  }

  private async present({ headers }: Presented): Promise<Principal> {
    const [scheme, token] = one(headers['authorization'])?.split(' ') ?? [];
    if (scheme?.toLowerCase() !== 'bearer' || !token)
      throw problem('unauthenticated', 'unauthenticated', 'send the header Authorization: Bearer <token>');
    const secret = readSecretToken(token);
    if (secret?.kind === 'key') return this.key(secret);
    if (secret?.kind === 'join') return this.joiner(secret);
    const given = digest(token);
    switch (this.tokens.kindOf(given)) {
      case 'installation':
        return { kind: 'installation', id: 'administrator', org: DEFAULT_ORG, roles: [] };
      case 'joiner':
        return { kind: 'joiner', id: 'join-token', org: DEFAULT_ORG, roles: [] };
      case undefined:
        return this.agent(token, given);
    }
  }

  private async key({ id, sha256 }: SecretToken): Promise<Principal> {
    const { org, roles, expires_at } = await this.remembered.get(`key:${id}`, () =>
      this.connections.requests.send(identityRequests.keyAccess, { key_id: id, sha256 }, asNobody()),
    );
    if (Date.parse(expires_at) <= Date.now())
      throw problem('unauthenticated', 'key_unknown', 'this API key is not known here, or not any more');
    return { kind: 'key', id, org, roles };
  }

  private async joiner({ id, sha256 }: SecretToken): Promise<Principal> {
    const { org, pool } = await this.connections.requests.send(
      identityRequests.joinAccess,
      { token_id: id, sha256 },
      asNobody(),
    );
    return { kind: 'joiner', id, org, roles: [], ...(pool !== null && { pool }) };
  }

  private async agent(token: string, given: Buffer): Promise<Principal> {
    const agentId = CREDENTIAL.exec(token)?.[1];
    if (!agentId) throw problem('unauthenticated', 'unauthenticated', 'this token is not known here');
    const credential_sha256 = given.toString('hex');
    const found = await this.remembered.get(`agent:${agentId}/${credential_sha256}`, () =>
      this.connections.requests.send(
        agentsRequests.authenticate,
        { agent_id: agentId, credential_sha256 },
        asNobody(),
      ),
    );
    return { kind: 'agent', id: agentId, roles: [], ...found };
  }
}

/** Asks what a credential stands for, before it is known whose it is. */
function asNobody(): CallContext {
  return { org: DEFAULT_ORG, actor: { type: 'service', id: 'gateway' }, correlationId: '' };
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** A new credential for an agent, and the digest that is stored of it. */
export function newCredential(agentId: string): { credential: string; credential_sha256: string } {
  const credential = `hya_${agentId}_${randomBytes(32).toString('base64url')}`;
  return { credential, credential_sha256: digest(credential).toString('hex') };
}

/** What is stored and compared of a token. */
export function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
