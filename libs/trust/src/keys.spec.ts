import { describe, expect, it } from '@jest/globals';
import { newSigningKey, publicKeyOf, readSigningKey } from './key-pair.js';
import { checkNoRollback, type Seen } from './latest.js';
import { readTrustedKeys } from './trusted-keys.js';

describe("the customer's keys", () => {
  it('are made, written and read', async () => {
    const key = await newSigningKey();
    expect(readSigningKey(JSON.stringify(key))).toEqual(key);
    const keys = readTrustedKeys(JSON.stringify({ keys: [publicKeyOf(key, ['approval'])] }));
    expect(keys.get(key.kid)).toMatchObject({ uses: ['approval'] });
    expect(JSON.stringify([...keys])).not.toContain(key.d);
  });

  it('are refused where they are none, or could be mistaken', async () => {
    const [one, other] = [await newSigningKey('one'), await newSigningKey('other')];
    const key = publicKeyOf(one);
    const reading =
      (...keys: unknown[]) =>
      () =>
        readTrustedKeys(JSON.stringify({ keys }));
    expect(() => readTrustedKeys('x')).toThrow('not JSON');
    expect(reading()).toThrow('at least one key');
    expect(reading(one)).toThrow('private key');
    expect(reading(key, { ...publicKeyOf(other), kid: 'one' })).toThrow('two keys have the kid one');
    expect(reading(key, { ...key, kid: 'two' })).toThrow('one approver is not two');
    expect(reading({ ...key, kty: 'RSA' })).toThrow('only Ed25519');
    expect(reading({ ...key, hybrid_use: ['all'] })).toThrow('hybrid_use');
    expect(reading({ ...key, kid: '' })).toThrow('kid');
    expect(reading({ ...key, x5u: 'https://x' })).toThrow('x5u');
    expect(() => readSigningKey(JSON.stringify(key))).toThrow('no private Ed25519 JWK');
  });
});

describe('a pipeline that ran before', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
  const signed = (definition_sha256: string, day: number, uses: string[] = ['pipeline']) =>
    ({
      statement: {
        definition_sha256,
        signed_at: `2030-01-0${day}T00:00:00.000Z`,
        pipeline: 'web',
        repository: null,
      },
      key: { kid: 'ada', jwk: {}, uses },
    }) as unknown as Parameters<typeof checkNoRollback>[1];
  const seen = (...texts: ReturnType<typeof signed>[]) =>
    texts.reduce<Seen | undefined>((before, text) => checkNoRollback(before, text), undefined);

  it('goes on', () => {
    expect(seen(signed(a, 1), signed(a, 1), signed(b, 2))).toMatchObject({
      definition_sha256: b,
      before: [a],
    });
  });

  it('does not go back, but by a later signature of a key for that', () => {
    const now = seen(signed(a, 1), signed(b, 2));
    expect(() => checkNoRollback(now, signed(a, 1))).toThrow('signed later');
    expect(() => checkNoRollback(now, signed(a, 2, ['rollback']))).toThrow('signed later');
    expect(() => checkNoRollback(now, signed(a, 3))).toThrow('lacks rollback');
    expect(checkNoRollback(now, signed(a, 3, ['pipeline', 'rollback']))).toMatchObject({ before: [b] });
  });
});
