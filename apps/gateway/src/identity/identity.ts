/** Who is calling: by which credential a request comes, and what that stands for. */
import {
  DEFAULT_ORG,
  identityRequests,
  ORGANISATION_NAME,
  problem,
  ProblemError,
  routingRequests,
  type CallContext,
  type Grant,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { IssuerKeys } from '../federation/issuer-keys.js';
import { JoiningTokens, type Joining } from '../federation/joining-tokens.js';
import { fittingRule, issuerOf } from '../federation/workload-token.js';
import { cookieOf, SESSION_COOKIE } from '../sign-in/cookies.js';
import { PublicUrl } from '../sign-in/public-url.js';
import { requireSameOrigin, type Sent } from '../sign-in/same-origin.js';
import { noSession, Sessions } from '../sign-in/sessions.js';
import { KeyUses } from './key-uses.js';
import { covers, type Principal } from './principal.js';
import { Remembered } from './remembered.js';
import { readSecretToken, relayIdOf, type SecretToken } from './secret-token.js';
import { SignedAgents, type Signed } from './signed-agents.js';

/** What of a request says who sends it. */
export type Presented = Signed & Sent & Pick<FastifyRequest, 'cookies'>;

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

/** Not the installation's administrator, who is no member of anything. */
const MADE_BY_USER = /^user:([0-9a-f-]{36})$/;

@Injectable()
export class Identity {
  private readonly remembered = new Remembered();

  constructor(
    private readonly tokens: Tokens,
    private readonly connections: Connections,
    private readonly agents: SignedAgents,
    private readonly keyUses: KeyUses,
    private readonly joiningTokens: JoiningTokens,
    private readonly sessions: Sessions,
    private readonly publicUrl: PublicUrl,
    private readonly issuerKeys: IssuerKeys,
  ) {
    this.remembered.listen(connections.nats);
  }

  /** @throws ProblemError `unauthenticated`, or another code that says what is wrong with the credential. */
  async identify(request: Presented): Promise<Principal> {
    const principal = await this.present(request);
    if (principal.rule !== undefined) await this.checkRule(principal.rule, principal.org);
    const wanted = wantedOrganisation(request);
    if (wanted === undefined || wanted === principal.org) return principal;
    if (principal.kind !== 'installation')
      throw problem('forbidden', 'other_organisation', 'this credential is of another organisation');
    await this.remembered.get(`org:${wanted}`, () =>
      this.connections.requests.send(identityRequests.organisation, { organisation: wanted }, asNobody()),
    );
    return { ...principal, org: wanted };
  }

  /** Calls `changed` when what the agent may do is announced as changed, until the answer is called. */
  watchAgent({ id, rule }: Principal, changed: () => void): () => void {
    const subjects = [`agent:${id}`, ...(rule === undefined ? [] : [`rule:${rule}`])];
    const stops = subjects.map((subject) => this.remembered.watch(subject, changed));
    return () => stops.forEach((stop) => stop());
  }

  private async present(request: Presented): Promise<Principal> {
    const authorization = one(request.headers['authorization']);
    if (SignedAgents.claims(request)) {
      if (authorization === undefined) return this.agents.identify(request, this.remembered);
      throw problem(
        'unauthenticated',
        'unauthenticated',
        'sign the request, or send Authorization: not both',
      );
    }
    const cookie = cookieOf(request, SESSION_COOKIE);
    if (authorization === undefined && cookie !== undefined) {
      requireSameOrigin(request, this.publicUrl);
      return this.user(readSecretToken(cookie));
    }
    const [scheme, token] = authorization?.split(' ') ?? [];
    if (scheme?.toLowerCase() !== 'bearer' || !token)
      throw problem('unauthenticated', 'unauthenticated', 'send the header Authorization: Bearer <token>');
    const secret = readSecretToken(token);
    if (secret?.kind === 'key') return this.key(secret);
    if (secret?.kind === 'join') return this.joiner(secret);
    if (secret?.kind === 'session') return this.user(secret);
    if (secret?.kind === 'relay') return this.relay(secret);
    const joining = await this.joiningTokens.read(token);
    if (joining) return workload(joining);
    switch (this.tokens.kindOf(digest(token))) {
      case 'installation':
        return { kind: 'installation', id: 'administrator', org: DEFAULT_ORG, roles: [] };
      case 'joiner':
        return { kind: 'joiner', id: 'join-token', org: DEFAULT_ORG, roles: [] };
      case undefined:
        if (registersRelay(request) && isJwt(token))
          return this.vouchedRelay(token, wantedOrganisation(request));
        throw problem('unauthenticated', 'unauthenticated', 'this token is not known here');
    }
  }

  /** The session itself is remembered by nobody. */
  private async user(secret: SecretToken | null): Promise<Principal> {
    if (secret?.kind !== 'session') throw noSession(false);
    const session = await this.sessions.find(secret);
    if (!session) throw noSession(true);
    const { user_id, org, session_id } = session;
    return { kind: 'user', id: user_id, org, roles: await this.rolesOf(user_id, org), session: session_id };
  }

  /** @throws ProblemError `not_a_member`. */
  private async rolesOf(user_id: string, org: string): Promise<readonly Grant[]> {
    const { roles } = await this.remembered.get(`user:${org}/${user_id}`, () =>
      this.connections.requests.send(identityRequests.userAccess, { user_id }, { ...asNobody(), org }),
    );
    return roles;
  }

  /** Worth no more than whoever made it: what they may not do any more, their keys may not either. */
  private async key({ id, sha256 }: SecretToken): Promise<Principal> {
    const { org, roles, created_by, expires_at } = await this.remembered.get(`key:${id}`, () =>
      this.connections.requests.send(identityRequests.keyAccess, { key_id: id, sha256 }, asNobody()),
    );
    if (Date.parse(expires_at) <= Date.now()) throw keyUnknown();
    this.keyUses.note(id, org);
    const maker = MADE_BY_USER.exec(created_by)?.[1];
    if (maker === undefined)
      return { kind: 'key', id, org, roles, maker: created_by.slice(created_by.indexOf(':') + 1) };
    const held = await this.rolesOf(maker, org).catch((error: unknown) => {
      if (error instanceof ProblemError && error.problem.code === 'not_a_member') throw keyUnknown();
      throw error;
    });
    return { kind: 'key', id, org, roles: roles.filter((grant) => covers(held, grant)), maker };
  }

  private async joiner({ id, sha256 }: SecretToken): Promise<Principal> {
    const access = await this.connections.requests.send(
      identityRequests.joinAccess,
      { token_id: id, sha256 },
      asNobody(),
    );
    const { org, pool, for: joins = 'agent' } = access;
    return { kind: 'joiner', id, org, roles: [], joins, ...(pool !== null && { pool }) };
  }

  private async relay({ id, sha256 }: SecretToken): Promise<Principal> {
    const relay_id = relayIdOf(id);
    const { org } = await this.remembered.get(`relay:${relay_id}`, () =>
      this.connections.requests.send(routingRequests.relayAccess, { relay_id, sha256 }, asNobody()),
    );
    return { kind: 'relay', id: relay_id, org, roles: [] };
  }

  /** A relay shows the token of its own platform, such as of OAuth 2.0 client credentials, to register with. */
  private async vouchedRelay(token: string, org = DEFAULT_ORG): Promise<Principal> {
    const issuer = issuerOf(token);
    const { rules } = await this.connections.requests.send(
      identityRequests.trustRulesOf,
      { issuer },
      { ...asNobody(), org },
    );
    const ofRelays = rules.filter((rule) => rule.for === 'relay');
    const { rule, subject } = await fittingRule(token, ofRelays, this.issuerKeys);
    const { rule_id } = rule;
    return {
      kind: 'joiner',
      id: `rule/${rule_id}/${subject}`,
      org,
      roles: [],
      joins: 'relay',
      rule: rule_id,
    };
  }

  /** @throws ProblemError `trust_rule_removed`: whoever came in by the rule is out, at once. */
  private async checkRule(rule_id: string, org: string): Promise<void> {
    const holds = await this.remembered.get(`rule:${rule_id}`, () =>
      this.connections.requests.send(identityRequests.trustRule, { rule_id }, { ...asNobody(), org }).then(
        () => true,
        (error: unknown) => {
          // It never comes back, so that this may be remembered as well.
          if (error instanceof ProblemError && error.problem.code === 'trust_rule_not_found') return false;
          throw error;
        },
      ),
    );
    if (!holds)
      throw problem(
        'unauthenticated',
        'trust_rule_removed',
        'the trust rule by which this came in was removed: ask an administrator',
      );
  }
}

function keyUnknown(): ProblemError {
  return problem(
    'unauthenticated',
    'key_unknown',
    'this API key is not known here, or not any more: make a new one',
  );
}

/** Named by what its platform calls it: whoever else comes by the rule is somebody else. */
function workload({ org, rule_id, pool, subject }: Joining): Principal {
  return { kind: 'joiner', id: `rule/${rule_id}/${subject}`, org, roles: [], pool, rule: rule_id };
}

/** Asks what a credential stands for, before it is known whose it is. */
function asNobody(): CallContext {
  return { org: DEFAULT_ORG, actor: { type: 'service', id: 'gateway' }, correlationId: '' };
}

/** Elsewhere nobody's issuer is asked for keys. */
function registersRelay({ method, url }: Presented): boolean {
  return method === 'POST' && /^\/api\/relays\/register(\?|$)/.test(url);
}

function isJwt(token: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/** @throws ProblemError `invalid_input`. */
function wantedOrganisation({ headers }: Presented): string | undefined {
  const wanted = one(headers['x-organisation']);
  if (wanted !== undefined && !ORGANISATION_NAME.test(wanted))
    throw problem('invalid', 'invalid_input', 'the header X-Organisation is no name of an organisation');
  return wanted;
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** What is stored and compared of a token. */
export function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
