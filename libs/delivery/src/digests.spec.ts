import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { deliveryId, digestsOf } from './digests.js';

describe('digests', () => {
  it('are the SHA-256 and the HMAC-SHA-256 of the bytes', () => {
    // The test case of RFC 6234 for "abc"; RFC 4231's keys are shorter than what is allowed here.
    const key = Buffer.alloc(32, 7);
    expect(digestsOf(Buffer.from('abc'), key)).toEqual({
      sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      keyed_sha256: createHmac('sha256', key).update('abc').digest('hex'),
    });
  });

  it('want a key as long as they are', () => {
    expect(() => digestsOf(Buffer.from('abc'), Buffer.alloc(31))).toThrow('31 bytes');
  });
});

describe('the id of a delivery', () => {
  it('is the same for the same bytes from the same source, and never changes', () => {
    expect(deliveryId('github', 'ab'.repeat(32))).toBe('99135550-79ae-5300-b4b8-5103c727226f');
  });

  it('differs by the part of the webhook', () => {
    const ids = [0, 1, 2].map((part) => deliveryId('bitbucket', 'ab'.repeat(32), part));
    expect(new Set(ids).size).toBe(3);
    expect(ids[0]).toBe(deliveryId('bitbucket', 'ab'.repeat(32)));
  });

  it('differs by source, however the two are cut', () => {
    expect(deliveryId('a', 'bc')).not.toBe(deliveryId('ab', 'c'));
  });
});
