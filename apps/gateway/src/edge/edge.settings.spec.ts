import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { readSettings } from '@hybrid/service';
import { GatewaySettings } from '../gateway.settings.js';
import { isReachedByTls } from './edge.settings.js';

const secrets = { HYBRID_ADMIN_TOKEN_FILE: '/a', HYBRID_JOIN_TOKEN_FILE: '/j', HYBRID_KEYS_FILE: '/k' };
const read = (env: Record<string, string>) =>
  readSettings(GatewaySettings, 'gateway', { ...secrets, ...env });
const tls = { HYBRID_TLS_CERT_FILE: '/tls/a.crt', HYBRID_TLS_KEY_FILE: '/tls/a.key' };
const everywhere = { HYBRID_HOST: '0.0.0.0' };

describe("the settings of the gateway's edges", () => {
  it('have defaults that are safe', () => {
    expect(read({})).toMatchObject({
      HYBRID_HOST: '127.0.0.1',
      HYBRID_INSECURE: 'false',
      HYBRID_PRIVATE_ISSUERS: 'no',
      HYBRID_TRUSTED_PROXIES: [],
      HYBRID_CORS_ORIGINS: [],
      HYBRID_RATE_LIMIT_ADDRESS: 60_000,
      HYBRID_RATE_LIMIT_CALLER: 30_000,
      HYBRID_RATE_LIMIT_ORGANISATION: 120_000,
      HYBRID_RATE_LIMIT_FAILURES: 300,
      HYBRID_RATE_LIMIT_SIGN_INS: 60,
    });
  });

  it('are lists where there may be several', () => {
    const settings = read({
      HYBRID_TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8,192.0.2.1,',
      HYBRID_CORS_ORIGINS:
        'https://ci.example.com,https://b.example:8443 , http://127.0.0.1:3000,http://[::1]',
    });
    expect(settings.HYBRID_TRUSTED_PROXIES).toEqual(['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
    expect(settings.HYBRID_CORS_ORIGINS).toEqual([
      'https://ci.example.com',
      'https://b.example:8443',
      'http://127.0.0.1:3000',
      'http://[::1]',
    ]);
  });

  it.each<[env: Record<string, string>, message: string]>([
    [everywhere, 'HYBRID_INSECURE=true'],
    [{ HYBRID_HOST: '::' }, 'HYBRID_INSECURE=true'],
    [{ HYBRID_HOST: '127.evil.example' }, 'HYBRID_INSECURE=true'],
    [{ HYBRID_HOST: '' }, 'HYBRID_HOST must be an address'],
    [{ ...everywhere, HYBRID_PUBLIC_URL: 'https://ci.example.com' }, 'HYBRID_TRUSTED_PROXIES'],
    [{ HYBRID_PRIVATE_ISSUERS: 'true' }, 'HYBRID_PRIVATE_ISSUERS must be yes or no'],
    [{ HYBRID_INSECURE: 'yes' }, 'HYBRID_INSECURE must be true or false'],
    [{ HYBRID_TLS_CERT_FILE: '/tls/a.crt' }, 'belong together'],
    [{ HYBRID_TLS_KEY_FILE: '/tls/a.key' }, 'belong together'],
    [{ HYBRID_PUBLIC_URL: 'ci.example.com' }, 'HYBRID_PUBLIC_URL must be like'],
    [{ HYBRID_PUBLIC_URL: 'ftp://ci.example.com' }, 'HYBRID_PUBLIC_URL must be like'],
    [{ HYBRID_PUBLIC_URL: 'https://ci.example.com/path' }, 'HYBRID_PUBLIC_URL must be like'],
    [{ HYBRID_PUBLIC_URL: 'https://u:p@ci.example.com' }, 'HYBRID_PUBLIC_URL must be like'],
    [{ HYBRID_TRUSTED_PROXIES: 'proxy.example' }, 'HYBRID_TRUSTED_PROXIES must be'],
    [{ HYBRID_TRUSTED_PROXIES: '10.0.0.0/33' }, 'HYBRID_TRUSTED_PROXIES must be'],
    [{ HYBRID_TRUSTED_PROXIES: '10.0.0.0/8/8' }, 'HYBRID_TRUSTED_PROXIES must be'],
    [{ HYBRID_TRUSTED_PROXIES: 'true' }, 'HYBRID_TRUSTED_PROXIES must be'],
    [{ HYBRID_CORS_ORIGINS: '*' }, 'HYBRID_CORS_ORIGINS must be'],
    [{ HYBRID_CORS_ORIGINS: 'null' }, 'HYBRID_CORS_ORIGINS must be'],
    [{ HYBRID_CORS_ORIGINS: 'http://ci.example.com' }, 'HYBRID_CORS_ORIGINS must be'],
    [{ HYBRID_CORS_ORIGINS: 'https://ci.example.com/' }, 'HYBRID_CORS_ORIGINS must be'],
    [{ HYBRID_CORS_ORIGINS: 'https://*.example.com' }, 'HYBRID_CORS_ORIGINS must be'],
    [{ HYBRID_RATE_LIMIT_ADDRESS: '-1' }, 'HYBRID_RATE_LIMIT_ADDRESS must be a whole number'],
    [{ HYBRID_RATE_LIMIT_CALLER: 'many' }, 'HYBRID_RATE_LIMIT_CALLER must be a whole number'],
    [{ HYBRID_RATE_LIMIT_FAILURES: '0.5' }, 'HYBRID_RATE_LIMIT_FAILURES must be a whole number'],
  ])('refuse %o', (env, message) => {
    expect(() => read(env)).toThrow(message);
  });

  it.each<Record<string, string>>([
    { HYBRID_HOST: 'localhost' },
    { HYBRID_HOST: '127.0.0.2' },
    { HYBRID_HOST: '::1' },
    { ...everywhere, ...tls },
    { ...everywhere, HYBRID_TRUSTED_PROXIES: '10.0.0.1' },
    { ...everywhere, HYBRID_INSECURE: 'true' },
    { HYBRID_TLS_CERT_FILE: '', HYBRID_TLS_KEY_FILE: '', HYBRID_PUBLIC_URL: '' },
  ])('allow %o', (env) => {
    expect(read(env)).toBeInstanceOf(GatewaySettings);
  });

  it('tell whether clients come by TLS', () => {
    expect(isReachedByTls(read({}))).toBe(false);
    expect(isReachedByTls(read({ HYBRID_PUBLIC_URL: 'http://127.0.0.1:8080' }))).toBe(false);
    expect(isReachedByTls(read({ HYBRID_PUBLIC_URL: 'https://ci.example.com' }))).toBe(true);
    expect(isReachedByTls(read(tls))).toBe(true);
  });
});
