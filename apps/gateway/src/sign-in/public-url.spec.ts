import { describe, expect, it } from '@jest/globals';
import { PublicUrl } from './public-url.js';
import { refuseOtherSites, requireSameOrigin } from './same-origin.js';

const from = (host: string | undefined, protocol = 'http') => ({ headers: { host }, protocol });

describe('the origin under which people come', () => {
  it.each([
    'https://hybrid.example.com',
    'https://h:8443',
    'http://127.0.0.1:8080',
    'http://localhost',
    'http://[::1]:1',
  ])('may be %s', (text) => expect(() => PublicUrl.parse(text)).not.toThrow());

  it.each([
    'hybrid.example.com',
    'http://hybrid.example.com',
    'http://127.0.0.1.evil.example',
    'https://hybrid.example.com/path',
    'https://user@hybrid.example.com',
    'ftp://hybrid.example.com',
    'nonsense',
  ])('may not be %s', (text) => expect(() => PublicUrl.parse(text)).toThrow(/HYBRID_PUBLIC_URL must/));

  it('is the one that is set, whatever the Host says', () => {
    const https = PublicUrl.parse('https://hybrid.example.com');
    expect(https.originFor(from('evil.example'))).toBe('https://hybrid.example.com');
  });

  it('is that of the browser where none is set, on this machine only', () => {
    const unset = PublicUrl.parse(undefined);
    expect(unset.originFor(from('127.0.0.1:8080'))).toBe('http://127.0.0.1:8080');
    expect(unset.originFor(from('localhost:1'))).toBe('http://localhost:1');
    for (const host of [
      '10.0.0.5:8080',
      'hybrid',
      'localhost.evil.example',
      '127.0.0.1@evil',
      'a b',
      undefined,
    ])
      expect(() => unset.originFor(from(host))).toThrow('sign_in_needs_https');
  });

  it('is not plain http for who comes from elsewhere', () =>
    expect(() => PublicUrl.parse('http://127.0.0.1:80').originFor(from('10.0.0.5'))).toThrow(
      'sign_in_needs_https',
    ));
});

describe('a request of our own page', () => {
  const publicUrl = PublicUrl.parse('https://hybrid.example.com');
  const request = (headers: Record<string, string>, method = 'POST') => ({
    headers: { host: 'hybrid.example.com', ...headers },
    protocol: 'https' as const,
    method,
  });

  it.each<[Record<string, string>]>([
    [{ origin: 'https://hybrid.example.com' }],
    [{ 'sec-fetch-site': 'same-origin' }],
    [{ 'sec-fetch-site': 'same-origin', origin: 'null' }],
  ])('is known by %j', (headers) =>
    expect(() => requireSameOrigin(request(headers), publicUrl)).not.toThrow(),
  );

  it.each<[Record<string, string>]>([
    [{}],
    [{ origin: 'null' }],
    [{ origin: 'http://hybrid.example.com' }],
    [{ origin: 'https://hybrid.example.com:8443' }],
    [{ origin: 'https://hybrid.example.com.evil.example' }],
    [{ referer: 'https://hybrid.example.com/' }],
    [{ 'sec-fetch-site': 'same-site', origin: 'https://hybrid.example.com' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'none' }],
    [{ 'sec-fetch-site': 'same-origin, cross-site' }],
  ])('is not %j', (headers) => {
    expect(() => requireSameOrigin(request(headers), publicUrl)).toThrow('cross_site_request');
    expect(() => requireSameOrigin(request(headers, 'GET'), publicUrl)).not.toThrow();
  });

  it('or of a program, where no cookie is needed', () => {
    expect(() => refuseOtherSites(request({}), publicUrl)).not.toThrow();
    expect(() => refuseOtherSites(request({ origin: 'https://evil.example' }), publicUrl)).toThrow();
  });
});
