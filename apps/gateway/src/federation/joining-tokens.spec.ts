import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from 'jose';
import { InstallationKeys } from '../identity/installation-keys.js';
import { JOINING_SECONDS, JoiningTokens } from './joining-tokens.js';

const joining = { org: 'acme', rule_id: 'r1', pool: 'gpu', subject: 'repo:acme/shop:ref:main' };

describe('a token to join with', () => {
  const file = InstallationKeys.generate();
  const keys = InstallationKeys.parse(file);
  const tokens = new JoiningTokens(keys);

  afterEach(() => void jest.useRealTimers());

  it('tells who may join, and by which rule', async () => {
    expect(await tokens.read(await tokens.make(joining))).toEqual(joining);
  });

  it('is read by every gateway of the installation, and by no other', async () => {
    const token = await tokens.make(joining);
    expect(await new JoiningTokens(InstallationKeys.parse(file)).read(token)).toEqual(joining);
    expect(
      await new JoiningTokens(InstallationKeys.parse(InstallationKeys.generate())).read(token),
    ).toBeNull();
  });

  it('is read once its key is not the current one any more, until that is gone', async () => {
    const token = await tokens.make(joining);
    const next = InstallationKeys.generate().replace('k1:', 'k2:');
    expect(await new JoiningTokens(InstallationKeys.parse(next + file)).read(token)).toEqual(joining);
    expect(await new JoiningTokens(InstallationKeys.parse(next)).read(token)).toBeNull();
  });

  it('is worth nothing after ten minutes', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
    const token = await tokens.make(joining);
    jest.setSystemTime(Date.now() + (JOINING_SECONDS - 5) * 1_000);
    expect(await tokens.read(token)).toEqual(joining);
    jest.setSystemTime(Date.now() + 10_000);
    expect(await tokens.read(token)).toBeNull();
  });

  it.each(['', 'a.b.c', 'eyJ.eyJ.', 'eyJhbGciOiJIUzI1NiJ9.e30.x', `hyk_${'a'.repeat(49)}`, 'eyJ'.repeat(9)])(
    'is not "%s"',
    async (text) => {
      expect(await tokens.read(text)).toBeNull();
    },
  );

  it('is none that anybody else made of it', async () => {
    const token = await tokens.make(joining);
    const payload = decodeJwt(token);
    const header = decodeProtectedHeader(token) as { alg: string; kid: string; typ: string };
    const key = keys.derive(header.kid, 'joining-token');
    const sign = (more: object, moreHeader: object = {}, secret = key) =>
      new SignJWT({ ...payload, ...more }).setProtectedHeader({ ...header, ...moreHeader }).sign(secret);
    expect(await tokens.read(await sign({}))).toEqual(joining);
    const others = [
      new UnsecuredJWT(payload).encode(),
      token.slice(0, token.lastIndexOf('.') + 1),
      await sign({}, {}, keys.derive(header.kid, 'other-purpose')),
      await sign({}, { typ: 'JWT' }),
      await sign({}, { kid: 'k9' }),
      await sign({}, { kid: undefined }),
      await sign({}, { alg: 'HS512' }, Buffer.concat([key, key])),
      await sign({ iss: 'https://issuer.example.com' }),
      await sign({ aud: 'urn:other' }),
      await sign({ exp: undefined }),
      await sign({ sub: undefined }),
      await sign({ org: 'a.b' }),
      await sign({ rule_id: 7 }),
    ];
    for (const other of others) expect(await tokens.read(other)).toBeNull();
  });
});
