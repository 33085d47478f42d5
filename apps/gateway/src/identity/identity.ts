/** Who is calling: the administrator, somebody who may register agents, or an agent. */
import { agentsRequests, DEFAULT_ORG, problem, type CallContext } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

export type Role = 'admin' | 'joiner' | 'agent';

export interface Principal {
  role: Role;
  id: string;
  org: string;
  /** Of agents only. */
  pool?: string;
}

/** Digests of the two tokens of the installation. */
export class Tokens {
  private readonly digests: { role: Role; digest: Buffer }[];

  constructor(adminToken: string, joinToken: string) {
    this.digests = [
      { role: 'admin', digest: digest(adminToken) },
      { role: 'joiner', digest: digest(joinToken) },
    ];
  }

  /** Of the token with this digest. Compares in constant time. */
  roleOf(given: Buffer): Role | undefined {
    return this.digests.filter((known) => timingSafeEqual(known.digest, given)).at(0)?.role;
  }
}

/** An agent is looked up once in this time; a deregistered one is refused after it at the latest. */
const CACHE_MS = 30_000;
const CACHE_MAX = 10_000;
const CREDENTIAL = /^hya_([0-9a-f-]{36})_[A-Za-z0-9_-]{20,100}$/;

@Injectable()
export class Identity {
  private readonly agents = new Map<string, { principal: Principal; until: number }>();

  constructor(
    private readonly tokens: Tokens,
    private readonly connections: Connections,
  ) {}

  /** @throws ProblemError `unauthenticated`. */
  async identify(authorization: string | undefined): Promise<Principal> {
    const [scheme, token] = authorization?.split(' ') ?? [];
    if (scheme?.toLowerCase() !== 'bearer' || !token)
      throw problem('unauthenticated', 'unauthenticated', 'send the header Authorization: Bearer <token>');
    const given = digest(token);
    const role = this.tokens.roleOf(given);
    if (role) return { role, id: role === 'admin' ? 'administrator' : 'join-token', org: DEFAULT_ORG };
    return this.identifyAgent(token, given);
  }

  private async identifyAgent(token: string, given: Buffer): Promise<Principal> {
    const credential_sha256 = given.toString('hex');
    const cached = this.agents.get(credential_sha256);
    if (cached && cached.until > performance.now()) return cached.principal;
    const agentId = CREDENTIAL.exec(token)?.[1];
    if (!agentId) throw problem('unauthenticated', 'unauthenticated', 'this token is not known here');
    const call: CallContext = { org: DEFAULT_ORG, actor: { type: 'agent', id: agentId }, correlationId: '' };
    const found = await this.connections.requests.send(
      agentsRequests.authenticate,
      { agent_id: agentId, credential_sha256 },
      call,
    );
    const principal: Principal = { role: 'agent', id: agentId, ...found };
    if (this.agents.size >= CACHE_MAX) this.agents.clear();
    this.agents.set(credential_sha256, { principal, until: performance.now() + CACHE_MS });
    return principal;
  }
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
