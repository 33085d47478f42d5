import { TokenIssuer } from '@hybrid/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { fetchOfIssuer, publicOnly, type Resolve } from './issuer-fetch.js';

const PUBLIC = { address: '203.0.114.1', family: 4 };
const PUBLIC_V6 = { address: '2606:4700::1', family: 6 };

describe('what is asked of an issuer by its name', () => {
  let issuer: TokenIssuer;
  let url: URL;

  beforeEach(async () => {
    issuer = await TokenIssuer.start();
    url = new URL(`http://issuer.example.com:${new URL(issuer.url).port}/keys`);
  });
  afterEach(() => issuer.stop());

  /** In place of DNS. */
  const answering =
    (...addresses: LookupAddress[]): Resolve =>
    (_, __, done) =>
      done(null, addresses);
  const asked = (mayBePrivate: boolean, resolve: Resolve) =>
    fetchOfIssuer({ url, headers: {}, maxBytes: 10_000, mayBePrivate, resolve });
  const loopback = { address: '127.0.0.1', family: 4 };

  it('goes to the address that the name stands for, where private ones are allowed', async () => {
    expect(JSON.parse(await asked(true, answering(loopback)))).toEqual({ keys: issuer.jwks });
  });

  it.each<[string, LookupAddress[]]>([
    ['of this machine', [loopback]],
    ['of this machine, mapped', [{ address: '::ffff:127.0.0.1', family: 6 }]],
    ['of the network', [{ address: '10.0.0.1', family: 4 }]],
    ['of a cloud’s metadata', [{ address: '169.254.169.254', family: 4 }]],
    ['of this machine beside a public one', [PUBLIC, loopback]],
  ])('is not asked where an address is one %s', async (_, addresses) => {
    await expect(asked(false, answering(...addresses))).rejects.toMatchObject({
      problem: { code: 'workload_issuer_private', detail: expect.not.stringMatching(/\d\.\d/) as unknown },
    });
    expect(issuer.asked.keys).toBe(0);
  });

  it('is resolved for each request: what was public before is looked at again', async () => {
    let times = 0;
    const rebinding: Resolve = (_, __, done) => done(null, [times++ === 0 ? PUBLIC : loopback]);
    const looked = () =>
      new Promise((done) =>
        publicOnly(rebinding)('issuer.example.com', {}, (error, address) => done(error ?? address)),
      );
    expect(await looked()).toBe(PUBLIC.address);
    await expect(asked(false, rebinding)).rejects.toMatchObject({
      problem: { code: 'workload_issuer_private' },
    });
    expect({ times, asked: issuer.asked.keys }).toEqual({ times: 2, asked: 0 });
  });

  it('may go to every public address', async () => {
    const all = await new Promise((done) =>
      publicOnly(answering(PUBLIC, PUBLIC_V6))('issuer.example.com', { all: true }, (_, found) =>
        done(found),
      ),
    );
    expect(all).toEqual([PUBLIC, PUBLIC_V6]);
  });

  it('says when the name stands for nothing', async () => {
    await expect(asked(false, answering())).rejects.toThrow('its host has no address');
    const unknown: Resolve = (_, __, done) => done(new Error('getaddrinfo ENOTFOUND'), []);
    await expect(asked(false, unknown)).rejects.toThrow('ENOTFOUND');
  });
});
