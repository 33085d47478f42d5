/** Agents, by the signatures of their requests: RFC 9421 as libs/signatures has it, each used once. */
import { agentsRequests, DEFAULT_ORG, problem, type AgentKey } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { contentDigest, contentDigestOf, isSignedWith, readSignature } from '@hybrid/signatures';
import { Injectable } from '@nestjs/common';
import { Readable } from 'node:stream';
import { GatewaySettings } from '../gateway.settings.js';
import { InstallationKeys } from './installation-keys.js';
import { CLOCK_SKEW_SECONDS, Nonces } from './nonces.js';
import type { Principal } from './principal.js';
import type { Remembered } from './remembered.js';

/** What of a request is signed, or says so. */
export interface Signed {
  method: string;
  /** Path and query as they came. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  /** As it was parsed. */
  body?: unknown;
  /** As it came. */
  rawBody?: Buffer;
}

const DAY_MS = 24 * 3600 * 1000;
const SHA256 = /^[0-9a-f]{64}$/;

@Injectable()
export class SignedAgents {
  /** For as long as it is remembered what the agent may do. */
  private readonly derived = new WeakMap<AgentKey, Buffer>();

  constructor(
    private readonly connections: Connections,
    private readonly keys: InstallationKeys,
    private readonly nonces: Nonces,
    private readonly settings: GatewaySettings,
  ) {}

  /** Whether the request says that it is signed. */
  static claims({ headers }: Pick<Signed, 'headers'>): boolean {
    return headers['signature-input'] !== undefined || headers['signature'] !== undefined;
  }

  /** @throws ProblemError with a code that says what is wrong. */
  async identify(request: Signed, remembered: Remembered): Promise<Principal> {
    const signature = readSignature(request.headers);
    if (!signature)
      throw problem(
        'unauthenticated',
        'signature_malformed',
        'Signature-Input must be sig=("@method" "@path" "@query" "content-digest");created=<seconds>;nonce="<128 random bits>";keyid="<agent_id>.<version>";tag="hybrid-agent", with Signature and Content-Digest (sha-256), each once',
      );
    checkClock(signature.created);
    const { agentId, version } = signature;
    const ask = () =>
      this.connections.requests.send(
        agentsRequests.access,
        { agent_id: agentId },
        { org: DEFAULT_ORG, actor: { type: 'service', id: 'gateway' }, correlationId: '' },
      );
    let access = await remembered.get(`agent:${agentId}`, ask);
    // The agent may have got it from another gateway, and be here before the word of it.
    if (version === (access.keys.at(-1)?.version ?? 0) + 1)
      access = await remembered.getAnew(`agent:${agentId}`, ask);
    const key = access.keys.find((one) => one.version === version);
    if (!key || (key.not_after !== null && Date.parse(key.not_after) <= Date.now()))
      throw problem(
        'unauthenticated',
        'agent_unknown',
        'the agent has no such key, or not any more; register it again',
      );
    const { method, url: target } = request;
    if (!isSignedWith(this.remember(access.org, agentId, key), signature, { method, target }))
      throw problem(
        'unauthenticated',
        'signature_wrong',
        "this is not signed with the agent's key (have all gateways the same file of keys?), or method, path, query or digest were changed on the way (is there a proxy that rewrites requests?)",
      );
    if (digestOf(request) !== signature.contentDigest)
      throw problem(
        'unauthenticated',
        'digest_wrong',
        'the body is not the one that Content-Digest announces',
      );
    await this.nonces.use(`${agentId}.${signature.nonce}`, signature.created);
    const { org, pool, labels, capabilities, joined_by } = access;
    const rotate = this.isOld(key) || key !== access.keys.at(-1) || access.rotation_asked;
    return {
      kind: 'agent',
      id: agentId,
      roles: [],
      org,
      pool,
      labels,
      capabilities,
      credential: { version, rotate },
      ...(joined_by.kind === 'rule' && { rule: joined_by.id }),
    };
  }

  /** The agent's key; kept nowhere. @throws ProblemError `installation_key_missing`. */
  derive(org: string, agentId: string, { kid, version }: Pick<AgentKey, 'kid' | 'version'>): Buffer {
    if (!this.keys.has(kid))
      throw problem(
        'unavailable',
        'installation_key_missing',
        `this gateway has not the installation's key ${kid}, of which the agent's key is made: give all gateways the same file of keys (HYBRID_KEYS_FILE); if it was taken out for good, deregister the agent`,
      );
    return this.keys.derive(kid, `agent/${org}/${agentId}/${version}`);
  }

  private remember(org: string, agentId: string, key: AgentKey): Buffer {
    const known = this.derived.get(key) ?? this.derive(org, agentId, key);
    this.derived.set(key, known);
    return known;
  }

  private isOld({ kid, since }: AgentKey): boolean {
    const age = Date.now() - Date.parse(since);
    return kid !== this.keys.current || age > this.settings.HYBRID_AGENT_KEY_DAYS * DAY_MS;
  }
}

/** The gateway's clock is told: whose is wrong is for somebody to find out. */
export function checkClock(created: number, now = Math.floor(Date.now() / 1000)): void {
  if (Math.abs(now - created) <= CLOCK_SKEW_SECONDS) return;
  const [signed, here] = [created, now].map((seconds) => new Date(seconds * 1000).toISOString());
  throw problem(
    'unauthenticated',
    'clock_skew',
    `the request was signed at ${signed} by the agent's clock, and it is ${here} here: more than ${CLOCK_SKEW_SECONDS} s apart; set the clock that is wrong`,
  );
}

/** A body that is streamed is compared with what it is announced as by whoever reads it: X-Content-SHA256. */
function digestOf({ body, rawBody, headers }: Signed): string | null {
  if (rawBody) return contentDigest(rawBody);
  if (body === undefined || body === null) return contentDigest();
  const sha256 = headers['x-content-sha256'];
  return body instanceof Readable && typeof sha256 === 'string' && SHA256.test(sha256)
    ? contentDigestOf(sha256)
    : null;
}
