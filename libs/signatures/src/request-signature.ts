/** The signature of an agent's request: one profile of RFC 9421, to the letter. See README.md. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AgentCredential } from './agent-credential.js';

export interface SignableRequest {
  method: string;
  /** The request target: path and query as they are sent. */
  target: string;
  /** As contentDigest writes it. */
  contentDigest: string;
}

export interface SignatureHeaders {
  'content-digest': string;
  'signature-input': string;
  signature: string;
}

/** What a request presents; true only once `isSignedWith` says so. */
export interface RequestSignature {
  agentId: string;
  /** Of the agent's key. */
  version: number;
  /** Seconds since 1970, by the signer's clock. */
  created: number;
  /** At least 128 random bits. */
  nonce: string;
  contentDigest: string;
  /** The value of `@signature-params`, as it was sent. */
  parameters: string;
  mac: Buffer;
}

const COMPONENTS = '("@method" "@path" "@query" "content-digest")';
const TAG = 'hybrid-agent';
const NONCE_BYTES = 16;

const INPUT =
  /^sig=(\("@method" "@path" "@query" "content-digest"\);created=([1-9]\d{9});nonce="([\w-]{22,64})";keyid="([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([1-9]\d{0,5})";tag="hybrid-agent")$/;
const SIGNATURE = /^sig=:([A-Za-z0-9+/]{43}=):$/;
const DIGEST = /^sha-256=:[A-Za-z0-9+/]{43}=:$/;

/** The three headers to send with the request. */
export function signRequest(
  { agentId, version, key }: AgentCredential,
  request: SignableRequest,
  {
    created = Math.floor(Date.now() / 1000),
    nonce = randomBytes(NONCE_BYTES).toString('base64url'),
  }: { created?: number; nonce?: string } = {},
): SignatureHeaders {
  const parameters = `${COMPONENTS};created=${created};nonce="${nonce}";keyid="${agentId}.${version}";tag="${TAG}"`;
  return {
    'content-digest': request.contentDigest,
    'signature-input': `sig=${parameters}`,
    signature: `sig=:${mac(key, signatureBase(request, parameters)).toString('base64')}:`,
  };
}

/** Null for anything but the profile: other labels, components, parameters, or a header that came twice. */
export function readSignature(
  headers: Record<string, string | string[] | undefined>,
): RequestSignature | null {
  const [, parameters, created, nonce, agentId, version] = INPUT.exec(one(headers['signature-input'])) ?? [];
  const [, text] = SIGNATURE.exec(one(headers['signature'])) ?? [];
  const contentDigest = one(headers['content-digest']);
  if (!parameters || !nonce || !agentId || !text || !DIGEST.test(contentDigest)) return null;
  return {
    agentId,
    version: Number(version),
    created: Number(created),
    nonce,
    contentDigest,
    parameters,
    mac: Buffer.from(text, 'base64'),
  };
}

/** Whether the request was signed with this key. Compares in constant time. */
export function isSignedWith(
  key: Uint8Array,
  { contentDigest, parameters, mac: given }: RequestSignature,
  { method, target }: Pick<SignableRequest, 'method' | 'target'>,
): boolean {
  return timingSafeEqual(given, mac(key, signatureBase({ method, target, contentDigest }, parameters)));
}

/** RFC 9421, section 2.5. The target cannot hold a line's end: no HTTP parser lets one pass. */
function signatureBase({ method, target, contentDigest }: SignableRequest, parameters: string): string {
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  const query = at < 0 ? '?' : target.slice(at);
  return [
    `"@method": ${method}`,
    `"@path": ${path}`,
    `"@query": ${query}`,
    `"content-digest": ${contentDigest}`,
    `"@signature-params": ${parameters}`,
  ].join('\n');
}

/** `hmac-sha256` of RFC 9421, section 3.3.3. */
export function mac(key: Uint8Array, base: string): Buffer {
  return createHmac('sha256', key).update(base).digest();
}

/** A header that came twice as a list is none of ours; Node joins such headers with a comma anyhow. */
function one(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : '';
}
