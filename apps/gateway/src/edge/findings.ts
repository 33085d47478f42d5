/** What of the gateway's own settings is unsafe, for `hybrid doctor`. */
import type { Finding } from '@hybrid/contracts';
import type { GatewaySettings } from '../gateway.settings.js';
import { isLoopback } from './edge.settings.js';

/** What settings alone do not tell. */
export interface Found {
  /** Permissions of files that hold secrets, by their setting; of those that are there. */
  modes: Readonly<Record<string, number>>;
  /** When the certificate ends. */
  certificateEnds: Date | null;
  now: Date;
}

/** Settings that name a file with a secret in it. */
export const SECRET_FILES = [
  'HYBRID_ADMIN_TOKEN_FILE',
  'HYBRID_JOIN_TOKEN_FILE',
  'HYBRID_KEYS_FILE',
  'HYBRID_TLS_KEY_FILE',
] as const;

const BY_ENVIRONMENT = ['HYBRID_ADMIN_TOKEN', 'HYBRID_JOIN_TOKEN', 'HYBRID_KEYS'] as const;
const RATE_LIMITS = [
  'HYBRID_RATE_LIMIT_ADDRESS',
  'HYBRID_RATE_LIMIT_CALLER',
  'HYBRID_RATE_LIMIT_ORGANISATION',
  'HYBRID_RATE_LIMIT_FAILURES',
  'HYBRID_RATE_LIMIT_SIGN_INS',
] as const;
/** Past this whoever guesses is hardly slowed down. */
const MANY_FAILURES = 1_000;
const LONG_SESSION_SECONDS = 7 * 86_400;
const SOON_MS = 14 * 86_400_000;

export function findings(settings: GatewaySettings, found: Found): Finding[] {
  return [
    ...transport(settings, found),
    ...limits(settings),
    ...sessions(settings),
    ...secrets(settings, found),
  ];
}

function transport(settings: GatewaySettings, { certificateEnds, now }: Found): Finding[] {
  const all: Finding[] = [];
  const behindProxy = settings.HYBRID_TRUSTED_PROXIES.length > 0;
  if (!isLoopback(settings.HYBRID_HOST) && !settings.HYBRID_TLS_CERT_FILE && !behindProxy)
    all.push({
      setting: 'HYBRID_HOST',
      finding: `it listens on ${settings.HYBRID_HOST} without TLS: whoever is on the way reads every token`,
      remedy: 'set HYBRID_TLS_CERT_FILE and HYBRID_TLS_KEY_FILE, or put a proxy that does TLS before it',
    });
  for (const network of settings.HYBRID_TRUSTED_PROXIES.filter((one) => one.endsWith('/0')))
    all.push({
      setting: 'HYBRID_TRUSTED_PROXIES',
      finding: `${network} is everybody: each client chooses the address that limits and audit know it by`,
      remedy: 'name the addresses of your proxies alone',
    });
  const url = settings.HYBRID_PUBLIC_URL;
  if (url?.startsWith('http:') && !isLoopback(new URL(url).hostname))
    all.push({
      setting: 'HYBRID_PUBLIC_URL',
      finding: 'people sign in over plain http: whoever is on the way has their session',
      remedy: 'serve it by TLS and begin it with https',
    });
  for (const origin of settings.HYBRID_CORS_ORIGINS.filter((one) => one.startsWith('http:')))
    all.push({
      setting: 'HYBRID_CORS_ORIGINS',
      finding: `${origin} is whatever runs on the machine of whoever looks`,
      remedy: 'leave it out where others than developers use this installation',
    });
  if (certificateEnds && certificateEnds.getTime() < now.getTime() + SOON_MS)
    all.push({
      setting: 'HYBRID_TLS_CERT_FILE',
      finding: `the certificate ${certificateEnds <= now ? 'has expired' : 'expires'} at ${certificateEnds.toISOString()}`,
      remedy: 'renew it: the new one is served without a restart',
    });
  return all;
}

function limits(settings: GatewaySettings): Finding[] {
  const off = RATE_LIMITS.filter((setting) => settings[setting] === 0).map((setting) => ({
    setting,
    finding: 'this limit is off',
    remedy: 'leave it at its default, or set it well above what your callers need',
  }));
  const failures = settings.HYBRID_RATE_LIMIT_FAILURES;
  if (failures <= MANY_FAILURES) return off;
  return [
    ...off,
    {
      setting: 'HYBRID_RATE_LIMIT_FAILURES',
      finding: `${failures} wrong credentials a minute and address are hardly a limit`,
      remedy: `set it to ${MANY_FAILURES} or less`,
    },
  ];
}

function sessions({ SESSION_TTL_SECONDS: seconds }: GatewaySettings): Finding[] {
  if (seconds <= LONG_SESSION_SECONDS) return [];
  const finding = `whoever steals a session has it for up to ${Math.floor(seconds / 86_400)} days`;
  const remedy = `set it to ${LONG_SESSION_SECONDS} (7 days) or less`;
  return [{ setting: 'SESSION_TTL_SECONDS', finding, remedy }];
}

function secrets(settings: GatewaySettings, { modes }: Found): Finding[] {
  const given = BY_ENVIRONMENT.filter((setting) => settings[setting]).map((setting) => ({
    setting,
    finding: 'this secret comes by the environment, which shows in process lists, dumps and child processes',
    remedy: `put it into a file and name that in ${setting}_FILE`,
  }));
  const open = SECRET_FILES.filter((setting) => ((modes[setting] ?? 0) & 0o007) !== 0).map((setting) => ({
    setting,
    finding: `everybody on the machine may open ${settings[setting]}`,
    remedy: 'take the permissions of others away: chmod o= on it',
  }));
  return [...given, ...open];
}
