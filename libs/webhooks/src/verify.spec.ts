import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { TOOLS, type Tool } from '@hybrid/contracts';
import { Webhook } from 'standardwebhooks';
import { RECORDED, SECRETS, signedWebhook, type RecordedWebhook } from './recorded.fixtures.js';
import type { WebhookRequest } from './received.js';
import { secretFault } from './secrets.js';
import type { SignatureConfig } from './tool-config.js';
import { verify } from './verify.js';

const NOW = Date.parse('2026-03-04T09:12:15.500Z');
const OTHER = 'whsec_' + Buffer.alloc(24, 5).toString('base64');

const hmacScheme: SignatureConfig = { header: 'x-signature', algorithm: 'sha256', encoding: 'hex' };
const codeOf = (
  tool: Tool,
  request: WebhookRequest,
  secrets: string[] = [SECRETS[tool]],
  signature = tool === 'hmac' ? hmacScheme : undefined,
): string => verify({ tool, signature }, request, secrets, NOW)?.code ?? 'signed';

const webhookOf = (tool: Tool): RecordedWebhook =>
  RECORDED.find((webhook) => webhook.tool === tool) ?? {
    name: 'own',
    tool,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"type":"built"}'),
  };
const requestOf = (tool: Tool, secret?: string): WebhookRequest =>
  signedWebhook(webhookOf(tool), secret, NOW);

/** The header that proves it; of GitLab the one of its older way. */
const PROOF: Record<Tool, string> = {
  github: 'x-hub-signature-256',
  gitlab: 'x-gitlab-token',
  bitbucket: 'x-hub-signature',
  gitea: 'x-gitea-signature',
  standard: 'webhook-signature',
  hmac: 'x-signature',
};

describe.each(TOOLS)('a webhook of %s', (tool) => {
  const request = requestOf(tool);
  const proof = PROOF[tool];
  const withProof = (value: string | string[] | undefined): WebhookRequest => ({
    ...request,
    headers: { ...request.headers, [proof]: value },
  });
  const given = request.headers[proof] as string;

  it('passes with its secret, and with any of several while one is replaced', () => {
    expect(codeOf(tool, request)).toBe('signed');
    expect(codeOf(tool, request, [OTHER, SECRETS[tool]])).toBe('signed');
    expect(codeOf(tool, request, [SECRETS[tool], OTHER])).toBe('signed');
  });

  it('is refused with another secret, none, or an empty one', () => {
    expect(codeOf(tool, request, [tool === 'gitlab' ? 'another secret token' : OTHER])).toBe('bad_signature');
    expect(codeOf(tool, request, [])).toBe('bad_signature');
    expect(
      codeOf(tool, signedWebhook({ ...webhookOf('hmac'), tool: 'hmac' }, '', NOW), [''], hmacScheme),
    ).not.toBe('signed');
  });

  it('is refused without a signature', () => {
    expect(codeOf(tool, withProof(undefined))).toBe('unsigned');
  });

  it.each([
    ['an empty one', ''],
    ['one that came twice', `${given}, ${given}`],
    ['a list', [given, given]],
    ['one that is cut off', given.slice(0, -2)],
    ['one that goes on', `${given}00`],
    ['a space before it', ` ${given}`],
    [
      'no hex',
      given
        .replace(/[0-9a-f]{2}$/, 'zz')
        .replace(/=$/, '!')
        .replace(/e$/, '3'),
    ],
    ['very long', 'a'.repeat(100_000)],
  ])('is refused with %s', (_, value) => {
    expect(codeOf(tool, withProof(value))).toBe('bad_signature');
  });

  it('is refused with one byte altered, wherever it is', () => {
    if (tool === 'gitlab') return; // Its older token says nothing of the body; see below for its signature.
    const at = [0, Math.floor(request.body.length / 2), request.body.length - 1];
    for (const index of at) {
      const body = Buffer.from(request.body);
      body[index] = body[index]! ^ 1;
      expect(codeOf(tool, { ...request, body })).toBe('bad_signature');
    }
  });

  it('never tells a secret or a signature', () => {
    const refusal = verify({ tool, signature: hmacScheme }, withProof(given.slice(1)), [SECRETS[tool]], NOW);
    expect(JSON.stringify(refusal)).not.toContain(SECRETS[tool]);
    expect(JSON.stringify(refusal)).not.toContain(given.slice(1));
  });
});

describe('GitHub', () => {
  const body = Buffer.from('Hello, World!');
  // The vector of https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';

  it('signs as its documentation says', () => {
    expect(codeOf('github', { headers: { 'x-hub-signature-256': signature }, body })).toBe('signed');
  });

  it('is not believed by its SHA-1 signature alone', () => {
    const sha1 = createHmac('sha1', SECRETS.github).update(body).digest('hex');
    expect(codeOf('github', { headers: { 'x-hub-signature': `sha1=${sha1}` }, body })).toBe('unsigned');
    expect(codeOf('github', { headers: { 'x-hub-signature-256': `sha1=${sha1}` }, body })).toBe(
      'bad_signature',
    );
  });
});

describe('Bitbucket', () => {
  it('is not believed by another algorithm in the same header', () => {
    const body = Buffer.from('{}');
    const sha1 = createHmac('sha1', SECRETS.bitbucket).update(body).digest('hex');
    expect(codeOf('bitbucket', { headers: { 'x-hub-signature': `sha1=${sha1}` }, body })).toBe(
      'bad_signature',
    );
  });
});

describe('Forgejo', () => {
  const { headers, body } = requestOf('gitea');
  const signature = headers['x-gitea-signature'];

  it('is believed by its own header', () => {
    expect(codeOf('gitea', { headers: { 'x-forgejo-signature': signature }, body })).toBe('signed');
  });

  it("is not believed by Gitea's where its own is wrong", () => {
    expect(codeOf('gitea', { headers: { ...headers, 'x-forgejo-signature': 'ab'.repeat(32) }, body })).toBe(
      'bad_signature',
    );
  });
});

describe('GitLab with a signing token', () => {
  const TOKEN = SECRETS.gitlab;
  const SIGNING = 'whsec_' + Buffer.alloc(32, 9).toString('base64');
  const request = requestOf('gitlab', SIGNING);

  it('is believed by its signature', () => {
    expect(codeOf('gitlab', request, [SIGNING])).toBe('signed');
    expect(codeOf('gitlab', { ...request, body: Buffer.from('{}') }, [SIGNING])).toBe('bad_signature');
  });

  it('is not believed by the signing token sent in clear', () => {
    const headers = { 'x-gitlab-token': SIGNING };
    expect(codeOf('gitlab', { ...request, headers }, [SIGNING])).toBe('unsigned');
    expect(codeOf('gitlab', { ...request, headers }, [SIGNING, TOKEN])).toBe('bad_signature');
  });

  it('is not believed by a token where the signature is wrong', () => {
    const headers = { ...request.headers, 'x-gitlab-token': TOKEN };
    expect(codeOf('gitlab', { headers, body: Buffer.from('{}') }, [SIGNING, TOKEN])).toBe('bad_signature');
  });

  it('is believed by a token while both are known, and by the token alone where no signing token is', () => {
    const headers = { ...request.headers, 'x-gitlab-token': TOKEN };
    expect(codeOf('gitlab', requestOf('gitlab', TOKEN), [SIGNING, TOKEN])).toBe('signed');
    expect(codeOf('gitlab', { ...request, headers }, [TOKEN])).toBe('signed');
  });
});

describe('Standard Webhooks', () => {
  const secret = SECRETS.standard;
  const { headers, body } = requestOf('standard');
  const signature = headers['webhook-signature'] as string;
  const signed = (changes: Record<string, string | undefined>): WebhookRequest => ({
    headers: { ...headers, ...changes },
    body,
  });

  it('are what the library of the standard takes as well', () => {
    const now = requestOf('standard').headers;
    const fresh = signedWebhook(webhookOf('standard'));
    expect(() => new Webhook(secret).verify(fresh.body, fresh.headers)).not.toThrow();
    expect(now['webhook-signature']).toMatch(/^v1,/);
  });

  it.each([
    ['299 s old', -299, 'signed'],
    ['301 s old', -301, 'stale'],
    ['299 s ahead', 299, 'signed'],
    ['301 s ahead', 301, 'stale'],
  ])('%s', (_, seconds, expected) => {
    expect(codeOf('standard', signedWebhook(webhookOf('standard'), secret, NOW + seconds * 1000))).toBe(
      expected,
    );
  });

  it.each([[''], ['1e9'], ['-1'], ['0x6a'], ['1772615535.5'], [' 1772615535'], ['9'.repeat(30)]])(
    'with the time %p are refused',
    (time) => {
      expect(codeOf('standard', signed({ 'webhook-timestamp': time }))).toBe('stale');
    },
  );

  it('are refused with another id or time than was signed', () => {
    expect(codeOf('standard', signed({ 'webhook-id': 'msg_other' }))).toBe('bad_signature');
    const later = String(Number(headers['webhook-timestamp']) + 1);
    expect(codeOf('standard', signed({ 'webhook-timestamp': later }))).toBe('bad_signature');
  });

  it.each(['webhook-id', 'webhook-timestamp'])('are refused without %s', (name) => {
    expect(codeOf('standard', signed({ [name]: undefined }))).toBe('unsigned');
  });

  it('may carry several signatures, and of versions that nobody knows yet', () => {
    const wrong = `v1,${Buffer.alloc(32).toString('base64')}`;
    expect(codeOf('standard', signed({ 'webhook-signature': `${wrong} v9,abc ${signature}` }))).toBe(
      'signed',
    );
    expect(codeOf('standard', signed({ 'webhook-signature': `${wrong} v9,abc` }))).toBe('bad_signature');
    expect(codeOf('standard', signed({ 'webhook-signature': `${`${wrong} `.repeat(10)}${signature}` }))).toBe(
      'bad_signature',
    );
  });

  it('take a secret without its prefix, as the library does', () => {
    expect(codeOf('standard', { headers, body }, [secret.replace('whsec_', '')])).toBe('signed');
  });

  describe('signed with Ed25519', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const raw = Buffer.from((publicKey.export({ format: 'jwk' }) as { x: string }).x, 'base64url');
    const known = `whpk_${raw.toString('base64')}`;
    const text = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body.toString()}`);
    const v1a = `v1a,${sign(null, text, privateKey).toString('base64')}`;

    it('are believed with the public key', () => {
      expect(codeOf('standard', signed({ 'webhook-signature': v1a }), [known])).toBe('signed');
      expect(codeOf('standard', { headers, body: Buffer.from('{}') }, [known])).toBe('bad_signature');
    });

    it('are not believed by an HMAC keyed with the public key', () => {
      const hmac = createHmac('sha256', raw).update(text).digest('base64');
      expect(codeOf('standard', signed({ 'webhook-signature': `v1,${hmac}` }), [known])).toBe(
        'bad_signature',
      );
    });

    it('are refused, and nothing thrown, where the public key is none', () => {
      for (const broken of ['whpk_', 'whpk_AAAA', `whpk_${Buffer.alloc(33).toString('base64')}`])
        expect(codeOf('standard', signed({ 'webhook-signature': v1a }), [broken])).toBe('bad_signature');
    });
  });
});

describe('HMAC webhooks', () => {
  const secret = SECRETS.hmac;
  const body = Buffer.from('{"type":"built"}');
  const digest = (algorithm: string, ...parts: (string | Buffer)[]): Buffer => {
    const hmac = createHmac(algorithm, secret);
    parts.forEach((part) => hmac.update(part));
    return hmac.digest();
  };

  it.each([
    ['sha256', 'hex', ''],
    ['sha256', 'base64', ''],
    ['sha512', 'hex', 'sha512='],
    ['sha512', 'base64', 'v1='],
  ] as const)('with %s in %s after "%s"', (algorithm, encoding, prefix) => {
    const scheme: SignatureConfig = { header: 'x-sign', algorithm, encoding, prefix };
    const value = `${prefix}${digest(algorithm, body).toString(encoding)}`;
    expect(codeOf('hmac', { headers: { 'x-sign': value }, body }, [secret], scheme)).toBe('signed');
    expect(codeOf('hmac', { headers: { 'x-sign': `x${value}` }, body }, [secret], scheme)).toBe(
      'bad_signature',
    );
  });

  it('with a signed time are refused when that is old, or was not the one signed', () => {
    const scheme: SignatureConfig = {
      ...hmacScheme,
      prefix: 'v0=',
      timestamp: { header: 'x-time', signed: 'v0:{timestamp}:{body}', tolerance_seconds: 60 },
    };
    const at = (seconds: number, signedSeconds = seconds): string => {
      const time = String(Math.floor(NOW / 1000) + seconds);
      const signedTime = String(Math.floor(NOW / 1000) + signedSeconds);
      const value = `v0=${digest('sha256', `v0:${signedTime}:`, body).toString('hex')}`;
      return codeOf('hmac', { headers: { 'x-signature': value, 'x-time': time }, body }, [secret], scheme);
    };
    expect([at(0), at(-59), at(-61), at(62), at(0, -61)]).toEqual([
      'signed',
      'signed',
      'stale',
      'stale',
      'bad_signature',
    ]);
  });
});

describe('secrets', () => {
  it.each(TOOLS)('of %s: the ones above are sound, short ones are not', (tool) => {
    expect(secretFault(tool, SECRETS[tool])).toBeNull();
    expect(secretFault(tool, 'short')).toEqual(expect.any(String));
    expect(secretFault(tool, '')).toEqual(expect.any(String));
    expect(secretFault(tool, `${SECRETS[tool]}\n`)).toEqual(expect.any(String));
  });
});
