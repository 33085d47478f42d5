import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { readSettings } from '@hybrid/service';
import { GatewaySettings } from '../gateway.settings.js';
import { findings, type Found } from './findings.js';

const NOW = new Date('2026-01-01T00:00:00.000Z');
const secrets = { HYBRID_ADMIN_TOKEN_FILE: '/a', HYBRID_JOIN_TOKEN_FILE: '/j', HYBRID_KEYS_FILE: '/k' };
const SECRET = 'swordfish-swordfish';

const found = (env: Record<string, string>, more: Partial<Found> = {}) =>
  findings(readSettings(GatewaySettings, 'gateway', { ...secrets, ...env }), {
    ...{ modes: {}, certificateEnds: null, now: NOW },
    ...more,
  });
const settingsOf = (...args: Parameters<typeof found>) => found(...args).map(({ setting }) => setting);

describe('the findings', () => {
  it('of settings as they come are none', () => {
    expect(found({})).toEqual([]);
    expect(found({}, { modes: { HYBRID_KEYS_FILE: 0o100600, HYBRID_ADMIN_TOKEN_FILE: 0o100640 } })).toEqual(
      [],
    );
    expect(found({}, { certificateEnds: new Date('2026-03-01') })).toEqual([]);
    expect(found({ SESSION_TTL_SECONDS: '604800' })).toEqual([]);
  });

  it.each<[setting: string, env: Record<string, string>, more?: Partial<Found>]>([
    ['HYBRID_HOST', { HYBRID_HOST: '0.0.0.0', HYBRID_INSECURE: 'true' }],
    ['HYBRID_TRUSTED_PROXIES', { HYBRID_TRUSTED_PROXIES: '0.0.0.0/0' }],
    ['HYBRID_TRUSTED_PROXIES', { HYBRID_TRUSTED_PROXIES: '10.0.0.0/8,::/0' }],
    ['HYBRID_PUBLIC_URL', { HYBRID_PUBLIC_URL: 'http://ci.example.com' }],
    ['HYBRID_CORS_ORIGINS', { HYBRID_CORS_ORIGINS: 'https://a.example,http://localhost:3000' }],
    ['HYBRID_RATE_LIMIT_ADDRESS', { HYBRID_RATE_LIMIT_ADDRESS: '0' }],
    ['HYBRID_RATE_LIMIT_CALLER', { HYBRID_RATE_LIMIT_CALLER: '0' }],
    ['HYBRID_RATE_LIMIT_ORGANISATION', { HYBRID_RATE_LIMIT_ORGANISATION: '0' }],
    ['HYBRID_RATE_LIMIT_FAILURES', { HYBRID_RATE_LIMIT_FAILURES: '0' }],
    ['HYBRID_RATE_LIMIT_FAILURES', { HYBRID_RATE_LIMIT_FAILURES: '1000000' }],
    ['HYBRID_RATE_LIMIT_SIGN_INS', { HYBRID_RATE_LIMIT_SIGN_INS: '0' }],
    ['SESSION_TTL_SECONDS', { SESSION_TTL_SECONDS: '604801' }],
    ['HYBRID_ADMIN_TOKEN', { HYBRID_ADMIN_TOKEN: SECRET }],
    ['HYBRID_JOIN_TOKEN', { HYBRID_JOIN_TOKEN: SECRET }],
    ['HYBRID_KEYS', { HYBRID_KEYS: SECRET }],
    ['HYBRID_KEYS_FILE', {}, { modes: { HYBRID_KEYS_FILE: 0o100644 } }],
    ['HYBRID_TLS_CERT_FILE', {}, { certificateEnds: new Date('2026-01-10') }],
    ['HYBRID_TLS_CERT_FILE', {}, { certificateEnds: new Date('2025-12-31') }],
  ])('name %s for %o', (setting, env, more = {}) => {
    const all = found(env, more);
    expect(all).toEqual([{ setting, finding: expect.any(String), remedy: expect.any(String) }]);
    expect(JSON.stringify(all)).not.toContain(SECRET);
  });

  it('are all there at once, and none for TLS or a proxy that does it', () => {
    expect(
      settingsOf({ HYBRID_HOST: '0.0.0.0', HYBRID_INSECURE: 'true', HYBRID_RATE_LIMIT_ADDRESS: '0' }),
    ).toEqual(['HYBRID_HOST', 'HYBRID_RATE_LIMIT_ADDRESS']);
    expect(found({ HYBRID_HOST: '::', HYBRID_TRUSTED_PROXIES: '10.0.0.0/8' })).toEqual([]);
    expect(found({ HYBRID_HOST: '::', HYBRID_TLS_CERT_FILE: '/c', HYBRID_TLS_KEY_FILE: '/k' })).toEqual([]);
  });
});
