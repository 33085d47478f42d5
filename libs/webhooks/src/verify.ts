/** Whether a webhook was signed with one of the source's secrets: over its raw bytes, compared in constant time. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { WebhookRefusal, WebhookRequest } from './received.js';
import { isStandardSecret, verifyStandard } from './standard-signature.js';
import { timestampRefusal } from './timestamp.js';
import type { SignatureConfig, ToolConfig } from './tool-config.js';

/** GitHub sends its older SHA-1 signature beside this one; it is not looked at. */
const GITHUB: SignatureConfig = {
  header: 'x-hub-signature-256',
  algorithm: 'sha256',
  encoding: 'hex',
  prefix: 'sha256=',
};
const BITBUCKET: SignatureConfig = { ...GITHUB, header: 'x-hub-signature' };
const GITEA: SignatureConfig = { header: 'x-gitea-signature', algorithm: 'sha256', encoding: 'hex' };
const FORGEJO: SignatureConfig = { ...GITEA, header: 'x-forgejo-signature' };

const TOLERANCE_SECONDS = 300;
const BYTES = { sha256: 32, sha512: 64 };

/** Null where it is signed. `now`: milliseconds since 1970. */
export function verify(
  { tool, signature }: Pick<ToolConfig, 'tool' | 'signature'>,
  request: WebhookRequest,
  secrets: readonly string[],
  now: number,
): WebhookRefusal | null {
  switch (tool) {
    case 'github':
      return verifyHmac(GITHUB, request, secrets, now);
    case 'bitbucket':
      return verifyHmac(BITBUCKET, request, secrets, now);
    case 'gitea': {
      // Forgejo sends both; a wrong one of its own is not made good by the other.
      const scheme = request.headers[FORGEJO.header] === undefined ? GITEA : FORGEJO;
      return verifyHmac(scheme, request, secrets, now);
    }
    case 'gitlab':
      return verifyGitLab(request, secrets, now);
    case 'standard':
      return verifyStandard(request, secrets, now);
    case 'hmac':
      if (!signature) throw new Error('the configuration of an hmac webhook must say how it is signed');
      return verifyHmac(signature, request, secrets, now);
  }
}

/**
 * GitLab signs as Standard Webhooks do where the webhook has a signing token (`whsec_…`), and else sends a secret in
 * clear. A signature is never made good by such a secret, and a signing token never taken for one.
 */
function verifyGitLab(
  request: WebhookRequest,
  secrets: readonly string[],
  now: number,
): WebhookRefusal | null {
  const signing = secrets.filter(isStandardSecret);
  const tokens = secrets.filter((secret) => !isStandardSecret(secret));
  const isSigned = request.headers['webhook-signature'] !== undefined;
  if (signing.length > 0 && (isSigned || tokens.length === 0)) return verifyStandard(request, signing, now);
  const token = request.headers['x-gitlab-token'];
  if (token === undefined) return unsigned('x-gitlab-token');
  if (typeof token !== 'string' || token.length > 1_000) return wrong('x-gitlab-token');
  // Digests of one length: comparing them tells nothing of how long a secret is, nor how much of it was right.
  const digest = (text: string): Buffer => createHmac('sha256', 'x-gitlab-token').update(text).digest();
  return anyOf(tokens, (secret) => timingSafeEqual(digest(secret), digest(token)))
    ? null
    : wrong('x-gitlab-token');
}

function verifyHmac(
  { header, algorithm, encoding, prefix = '', timestamp }: SignatureConfig,
  { headers, body }: WebhookRequest,
  secrets: readonly string[],
  now: number,
): WebhookRefusal | null {
  const given = headers[header];
  if (given === undefined) return unsigned(header);
  const signature = typeof given === 'string' ? signatureIn(given, prefix, encoding) : null;
  if (signature?.byteLength !== BYTES[algorithm]) return wrong(header);
  const before: string[] = [];
  if (timestamp) {
    const sent = headers[timestamp.header];
    const refusal = timestampRefusal(
      timestamp.header,
      sent,
      now,
      timestamp.tolerance_seconds ?? TOLERANCE_SECONDS,
    );
    if (refusal) return refusal;
    before.push(timestamp.signed.replace('{timestamp}', sent as string).replace('{body}', ''));
  }
  const isSigned = anyOf(secrets, (secret) => {
    const hmac = createHmac(algorithm, secret);
    before.forEach((text) => hmac.update(text));
    return timingSafeEqual(hmac.update(body).digest(), signature);
  });
  return isSigned ? null : wrong(header);
}

/** The bytes of the signature; null unless it is exactly written as it should be. */
function signatureIn(header: string, prefix: string, encoding: 'hex' | 'base64'): Buffer | null {
  if (!header.startsWith(prefix)) return null;
  const text = header.slice(prefix.length);
  const pattern = encoding === 'hex' ? /^[0-9a-fA-F]{64,128}$/ : /^[A-Za-z0-9+/]{43,86}={0,2}$/;
  return pattern.test(text) ? Buffer.from(text, encoding) : null;
}

/** All are tried, so that the time does not tell which of them it was. An empty secret is none. */
function anyOf(secrets: readonly string[], fits: (secret: string) => boolean): boolean {
  return secrets.filter((secret) => secret !== '').filter(fits).length > 0;
}

export function unsigned(header: string): WebhookRefusal {
  return {
    status: 401,
    code: 'unsigned',
    detail: `the header ${header} is missing: give the webhook a secret`,
  };
}

export function wrong(header: string): WebhookRefusal {
  return {
    status: 401,
    code: 'bad_signature',
    detail: `the header ${header} fits none of the source's secrets: enter the same secret on both sides`,
  };
}
