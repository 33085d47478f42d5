import type { TrustRuleView } from '@hybrid/contracts';
import { TokenIssuer } from '@hybrid/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { base64url, exportSPKI, importJWK, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { IssuerKeys } from './issuer-keys.js';
import { fittingRule, issuerOf } from './workload-token.js';

const claims = { sub: 'repo:acme/shop:ref:main', aud: 'hybrid' };
/** The issuer may be slow, as the machine is. */
const PATIENT = { ...IssuerKeys.limits, timeoutMs: 60_000, cooldownMs: 600_000, privateIssuers: true };

describe('a token of a workload', () => {
  let issuer: TokenIssuer;
  let keys: IssuerKeys;
  let rule: TrustRuleView;

  beforeEach(async () => {
    issuer = await TokenIssuer.start();
    keys = new IssuerKeys(PATIENT);
    rule = ruleOf({});
  });
  afterEach(() => issuer.stop());

  const ruleOf = (more: Partial<TrustRuleView>): TrustRuleView => ({
    rule_id: 'r1',
    name: 'shop',
    for: 'agent',
    pool: 'gpu',
    issuer: issuer.url,
    audience: 'hybrid',
    subject: 'repo:acme/shop:ref:*',
    claims: {},
    created_by: 'user:u1',
    created_at: '2030-01-02T03:04:05.000Z',
    removed_at: null,
    ...more,
  });
  /** As the controller does. */
  const check = async (token: string, rules = [rule], pool?: string) => {
    const iss = issuerOf(token);
    return fittingRule(
      token,
      rules.filter((one) => one.issuer === iss),
      keys,
      pool,
    );
  };
  const refused = async (
    token: string | Promise<string>,
    code: string,
    rules?: TrustRuleView[],
    pool?: string,
  ) => {
    const text = await token;
    await expect(check(text, rules, pool)).rejects.toMatchObject({
      problem: {
        kind: code === 'workload_issuer_unavailable' ? 'unavailable' : 'unauthenticated',
        code,
        detail: expect.not.stringContaining(text) as unknown,
      },
    });
  };

  it.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])('fits a rule, signed by %s', async (alg) => {
    await issuer.rotate(alg);
    expect(await check(await issuer.sign(claims))).toEqual({ rule, subject: claims.sub });
  });

  it('costs the issuer nothing once its keys are known', async () => {
    for (let count = 0; count < 5; count++) await check(await issuer.sign(claims));
    expect(issuer.asked).toEqual({ configuration: 1, keys: 1 });
  });

  it.each([
    ['nothing', ''],
    ['no JWT', 'abc'],
    ['one without claims', 'e30.e30.e30'],
    ['one of a secret of ours', `hyk_${'a'.repeat(49)}`],
    ['one that is encrypted', 'eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d'],
  ])('is none: %s', async (_, token) => {
    await expect(check(token)).rejects.toMatchObject({ problem: { code: 'workload_token_malformed' } });
    expect(issuer.asked.configuration).toBe(0);
  });

  it('is refused without a signature (alg none), and with one that it does not need', async () => {
    const token = new UnsecuredJWT({ iss: issuer.url, ...claims })
      .setIssuedAt()
      .setExpirationTime('5m')
      .encode();
    await refused(token, 'workload_token_malformed');
    await refused(`${token}e30`, 'workload_token_malformed');
    const [, payload, signature] = (await issuer.sign(claims)).split('.');
    for (const alg of ['none', 'None', 'NONE', ''])
      await refused(
        `${base64url.encode(JSON.stringify({ alg }))}.${payload}.${signature}`,
        'workload_token_malformed',
      );
    expect(issuer.asked.keys).toBe(0);
  });

  it('is refused when it is signed by HS256 with what everybody knows: the public key', async () => {
    await issuer.rotate('RS256');
    const jwk = issuer.jwks.at(-1);
    const spki = await exportSPKI((await importJWK({ ...jwk, ext: true }, 'RS256')) as CryptoKey);
    for (const secret of [spki, spki.trim(), JSON.stringify(jwk), jwk!.n!]) {
      const token = await new SignJWT({ iss: issuer.url, ...claims })
        .setProtectedHeader({ alg: 'HS256', kid: jwk!.kid! })
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(new TextEncoder().encode(secret));
      await refused(token, 'workload_token_malformed');
    }
    expect(issuer.asked.keys).toBe(0);
  });

  it('is refused when somebody else signed it, or changed it', async () => {
    const thief = await TokenIssuer.start();
    try {
      const [{ kid }] = issuer.jwks as [{ kid: string }];
      await refused(thief.sign({ ...claims, iss: issuer.url }, { kid }), 'workload_signature_invalid');
      const [header, payload, signature] = (await issuer.sign(claims)).split('.');
      const changed = {
        ...(JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object),
        sub: 'root',
      };
      await refused(
        `${header}.${base64url.encode(JSON.stringify(changed))}.${signature}`,
        'workload_signature_invalid',
      );
      await refused(`${header}.${payload}.`, 'workload_signature_invalid');
    } finally {
      await thief.stop();
    }
  });

  it('of an issuer that no rule names makes us ask nobody', async () => {
    await refused(issuer.sign(claims), 'workload_issuer_unknown', []);
    await refused(issuer.sign({ ...claims, iss: `${issuer.url}/` }), 'workload_issuer_unknown');
    await refused(issuer.sign({ ...claims, iss: 'http://169.254.169.254' }), 'workload_issuer_unknown');
    for (const iss of [undefined, '', 'x'.repeat(501)])
      await refused(issuer.sign({ ...claims, iss }), 'workload_token_malformed');
    expect(issuer.asked).toEqual({ configuration: 0, keys: 0 });
  });

  it('carries no key of its own that counts', async () => {
    const thief = await TokenIssuer.start();
    try {
      const [jwk] = thief.jwks;
      for (const more of [{ jwk }, { jku: `${thief.url}/keys` }, { x5u: `${thief.url}/keys` }])
        await refused(
          thief.sign({ ...claims, iss: issuer.url }, { kid: issuer.jwks[0]!.kid!, ...more }),
          'workload_signature_invalid',
        );
      expect(thief.asked).toEqual({ configuration: 0, keys: 0 });
    } finally {
      await thief.stop();
    }
  });

  const now = () => Math.floor(Date.now() / 1000);

  it.each<[string, () => object, string]>([
    ['has expired', () => ({ exp: now() - 90 }), 'workload_token_expired'],
    [
      'is too old, whatever its end',
      () => ({ iat: now() - 90_000, exp: now() + 9e6 }),
      'workload_token_expired',
    ],
    ['begins later', () => ({ nbf: now() + 300 }), 'workload_token_not_yet_valid'],
    ['was made later', () => ({ iat: now() + 300 }), 'workload_token_not_yet_valid'],
    ['never ends', () => ({ exp: undefined }), 'workload_token_malformed'],
    ['was made at no time', () => ({ iat: undefined }), 'workload_token_malformed'],
    ['ends at no time', () => ({ exp: 'tomorrow' }), 'workload_token_malformed'],
    ['has no subject', () => ({ sub: undefined }), 'workload_token_malformed'],
    ['has an empty subject', () => ({ sub: '' }), 'workload_token_malformed'],
    ['has a subject with a line break', () => ({ sub: 'a\r\nb' }), 'workload_token_malformed'],
    ['has too long a subject', () => ({ sub: 'a'.repeat(501) }), 'workload_token_malformed'],
    ['has a list for a subject', () => ({ sub: [claims.sub] }), 'workload_token_malformed'],
    ['is for nobody', () => ({ aud: undefined }), 'workload_token_malformed'],
    ['is for another', () => ({ aud: 'hybrid2' }), 'workload_audience_wrong'],
    ['is for others, too', () => ({ aud: ['hybrid', 'other'] }), 'workload_audience_wrong'],
    ['is for none', () => ({ aud: [] }), 'workload_audience_wrong'],
    ['is of another subject', () => ({ sub: 'repo:acme-evil/shop:ref:main' }), 'workload_no_rule_fits'],
  ])('is refused when it %s', async (_, more, code) => {
    await refused(issuer.sign({ ...claims, ...more() }), code);
  });

  it.each<[string, () => object]>([
    ['ended a moment ago', () => ({ exp: now() - 20 })],
    ['begins in a moment', () => ({ nbf: now() + 20, iat: now() + 20 })],
    ['is for a list of one', () => ({ aud: ['hybrid'] })],
  ])('is taken when it %s', async (_, more) => {
    await expect(check(await issuer.sign({ ...claims, ...more() }))).resolves.toMatchObject({ rule });
  });

  it('has the claims that the rule asks for, letter for letter', async () => {
    rule = ruleOf({ claims: { environment: 'production', run: '7', protected: 'true' } });
    const all = { ...claims, environment: 'production', run: 7, protected: true };
    expect(await check(await issuer.sign(all))).toMatchObject({ rule });
    for (const more of [
      { environment: 'Production' },
      { environment: undefined },
      { environment: ['production'] },
      { environment: { production: true } },
      { run: 8 },
      { protected: null },
    ])
      await refused(issuer.sign({ ...all, ...more }), 'workload_no_rule_fits');
    rule = ruleOf({ claims: { constructor: 'x', __proto__x: 'y' } });
    await refused(issuer.sign(all), 'workload_no_rule_fits');
  });

  it('joins by the oldest rule that fits, or the oldest for the pool', async () => {
    const other = ruleOf({ rule_id: 'r0', subject: 'repo:acme/other:*:*', pool: 'other' });
    const second = ruleOf({ rule_id: 'r2', pool: 'second' });
    const third = ruleOf({ rule_id: 'r3', pool: 'second' });
    const foreign = ruleOf({ rule_id: 'r4', pool: 'foreign', audience: 'foreign' });
    const rules = [other, rule, second, third, foreign];
    const token = await issuer.sign(claims);
    expect(await check(token, rules)).toMatchObject({ rule });
    expect(await check(token, rules, 'second')).toMatchObject({ rule: second });
    for (const pool of ['other', 'foreign', 'nothing'])
      await refused(token, 'workload_no_rule_fits', rules, pool);
  });

  describe('and the keys of its issuer', () => {
    const limits = { ...PATIENT, failureMs: 0 };
    const impatient = { ...limits, timeoutMs: 500 };
    const unavailable = (token: string | Promise<string>) => refused(token, 'workload_issuer_unavailable');

    it('are not asked for on this machine or in a private network, unless that is allowed', async () => {
      keys = new IssuerKeys({ ...limits, privateIssuers: false });
      const local = issuer.url.replace('127.0.0.1', 'localhost');
      const token = await issuer.sign({ ...claims, iss: local });
      await refused(issuer.sign(claims), 'workload_issuer_private');
      await refused(token, 'workload_issuer_private', [ruleOf({ issuer: local })]);
      expect(issuer.asked).toEqual({ configuration: 0, keys: 0 });
    });

    it('are not asked for again and again for a key that is not there', async () => {
      await check(await issuer.sign(claims));
      const bad = await Promise.all(
        Array.from({ length: 50 }, (_, index) => issuer.sign(claims, { kid: `unknown-${index}` })),
      );
      await Promise.all(bad.map((token) => refused(token, 'workload_signature_invalid')));
      expect(issuer.asked).toEqual({ configuration: 1, keys: 1 });
    });

    it('are asked for once by all who ask at once', async () => {
      const bad = await Promise.all(
        Array.from({ length: 50 }, (_, index) => issuer.sign(claims, { kid: `unknown-${index}` })),
      );
      await Promise.all(bad.map((token) => refused(token, 'workload_signature_invalid')));
      expect(issuer.asked).toEqual({ configuration: 1, keys: 1 });
    });

    it('are asked for again once the issuer signs with a new one', async () => {
      keys = new IssuerKeys({ ...limits, cooldownMs: 0 });
      await check(await issuer.sign(claims));
      await issuer.rotate('RS256');
      expect(await check(await issuer.sign(claims))).toMatchObject({ rule });
      expect(issuer.asked).toEqual({ configuration: 1, keys: 2 });
    });

    it('that the issuer does not tell any more are worth nothing once they are old', async () => {
      keys = new IssuerKeys({ ...limits, maxAgeMs: 0 });
      const old = await issuer.sign(claims);
      await check(old);
      await issuer.rotate('ES256', true);
      await refused(old, 'workload_signature_invalid');
    });

    it('that are huge are not read', async () => {
      const { maxBytes } = limits;
      const answer = (bytes: number) => {
        const keys = JSON.stringify({ keys: issuer.jwks });
        issuer.keys = (_, response) => void response.end(keys.padEnd(bytes));
      };
      answer(maxBytes);
      keys = new IssuerKeys(limits);
      expect(await check(await issuer.sign(claims))).toMatchObject({ rule });
      answer(maxBytes + 1);
      keys = new IssuerKeys(limits);
      await unavailable(issuer.sign(claims));
    });

    it('that have no end are not read to it', async () => {
      keys = new IssuerKeys(limits);
      const hungUp = new Promise((resolve) => {
        issuer.keys = (_, response) => {
          const more = () => {
            while (!response.destroyed && response.write(' '.repeat(64 * 1024)));
          };
          response.on('drain', more).on('close', resolve);
          more();
        };
      });
      await unavailable(issuer.sign(claims));
      await hungUp;
    });

    const never = (_: unknown, response: ServerResponse) => void response.flushHeaders();
    const slowly = (_: unknown, response: ServerResponse) => {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    };

    it.each([
      ['never', never],
      ['byte by byte', slowly],
    ])('that come %s are not waited for', async (_, answer) => {
      keys = new IssuerKeys(impatient);
      issuer.keys = answer;
      await unavailable(issuer.sign(claims));
      issuer.keys = undefined;
      issuer.configuration = answer;
      keys = new IssuerKeys(impatient);
      await unavailable(issuer.sign(claims));
    });

    it('are not looked for elsewhere: redirects are not followed', async () => {
      let followed = 0;
      const elsewhere = createServer((_, response) => {
        followed++;
        response.end(
          JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, keys: issuer.jwks }),
        );
      });
      await new Promise<void>((ready) => elsewhere.listen(0, '127.0.0.1', ready));
      try {
        const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
        for (const part of ['configuration', 'keys'] as const)
          for (const status of [301, 302, 307, 308]) {
            keys = new IssuerKeys(limits);
            issuer[part] = (_, response) => void response.writeHead(status, { location }).end();
            await unavailable(issuer.sign(claims));
            issuer[part] = undefined;
          }
        expect(followed).toBe(0);
      } finally {
        elsewhere.close();
      }
    });

    it.each<[string, (url: string) => unknown]>([
      ['another issuer', (url) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` })],
      ['no keys', (url) => ({ issuer: url })],
      ['keys in a file', (url) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' })],
      ['keys in clear text elsewhere', (url) => ({ issuer: url, jwks_uri: 'http://192.0.2.1/keys' })],
      ['nothing', () => null],
    ])('are not had from a configuration that names %s', async (_, answer) => {
      keys = new IssuerKeys(limits);
      issuer.configuration = (__, response) => void response.end(JSON.stringify(answer(issuer.url)));
      await unavailable(issuer.sign(claims));
      expect(issuer.asked.keys).toBe(0);
    });

    it.each(['', 'not json', '{}', '{"keys":{}}', '{"keys":[7]}', 'null'])(
      'are no such thing as %j',
      async (text) => {
        keys = new IssuerKeys(limits);
        issuer.keys = (_, response) => void response.end(text);
        await unavailable(issuer.sign(claims));
      },
    );

    it('are not asked for right after they could not be had, and are once some time has passed', async () => {
      keys = new IssuerKeys({ ...limits, failureMs: 60_000 });
      issuer.keys = (_, response) => void response.writeHead(500).end();
      for (let count = 0; count < 5; count++) await unavailable(issuer.sign(claims));
      expect(issuer.asked).toEqual({ configuration: 1, keys: 1 });
      issuer.keys = undefined;
      keys = new IssuerKeys(limits);
      expect(await check(await issuer.sign(claims))).toMatchObject({ rule });
    });
  });
});
