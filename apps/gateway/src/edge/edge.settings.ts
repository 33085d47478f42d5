/** Settings of the gateway's edges: where it listens, whom it believes, and how much it takes. */
import { Transform, Type } from 'class-transformer';
import { IsIn, IsInt, IsNotEmpty, IsOptional, Min, ValidateBy } from 'class-validator';
import { isIP } from 'node:net';

export class EdgeSettings {
  /** Loopback unless told otherwise. */
  @IsNotEmpty({ message: 'HYBRID_HOST must be an address to listen on' })
  @Must(
    'HYBRID_HOST is an address where others can connect, and without TLS they could read every token that is sent: ' +
      'set HYBRID_TLS_CERT_FILE and HYBRID_TLS_KEY_FILE; or HYBRID_TRUSTED_PROXIES where a proxy that does TLS stands ' +
      'before it; or HYBRID_INSECURE=true if the network keeps others away',
    (host: string, settings) =>
      isLoopback(host) ||
      settings.HYBRID_INSECURE === 'true' ||
      settings.HYBRID_TLS_CERT_FILE !== undefined ||
      settings.HYBRID_TRUSTED_PROXIES.length > 0,
  )
  HYBRID_HOST: string = '127.0.0.1';

  /** Beyond loopback without TLS: only where this says that the network keeps others away. */
  @IsIn(['true', 'false'], { message: 'HYBRID_INSECURE must be true or false' })
  HYBRID_INSECURE: 'true' | 'false' = 'false';

  @Transform(unsetIfEmpty)
  @IsOptional()
  HYBRID_TLS_CERT_FILE?: string;

  /** Read again when it changes, as is the certificate. */
  @Transform(unsetIfEmpty)
  @Must(
    'HYBRID_TLS_CERT_FILE and HYBRID_TLS_KEY_FILE belong together: set both, or neither',
    (file: string | undefined, settings) =>
      (file === undefined) === (settings.HYBRID_TLS_CERT_FILE === undefined),
  )
  HYBRID_TLS_KEY_FILE?: string;

  /** As its users reach it. With https they are told to come by TLS only. */
  @Transform(unsetIfEmpty)
  @IsOptional()
  @Must(
    'HYBRID_PUBLIC_URL must be like https://hybrid.example.com, without a path',
    (url: string) => originOf(url) !== null && /^[^/]*\/\/[^/]*\/?$/.test(url),
  )
  HYBRID_PUBLIC_URL?: string;

  /** Whose X-Forwarded-For is believed. Anybody else would choose by it which address they have. */
  @Transform(list)
  @Must(
    'HYBRID_TRUSTED_PROXIES must be addresses or networks, such as 10.0.0.0/8,fd00::/8, with commas between them',
    (networks: string[]) => networks.every(isNetwork),
  )
  HYBRID_TRUSTED_PROXIES: string[] = [];

  /** Whose pages may read answers, in browsers. */
  @Transform(list)
  @Must(
    'HYBRID_CORS_ORIGINS must be origins such as https://ci.example.com, with commas between them: ' +
      'no *, and http for loopback only',
    (origins: string[]) => origins.every(isOrigin),
  )
  HYBRID_CORS_ORIGINS: string[] = [];

  // Requests a minute, for each gateway; 0 for no limit. A bucket holds a minute's, so that a burst may be as large.

  /**
   * Half of what a gateway answers in a minute on one core: as much as 400 busy agents behind one address need (a
   * heartbeat in 5 s, log lines every second), and not all of it.
   */
  @PerMinute('HYBRID_RATE_LIMIT_ADDRESS')
  HYBRID_RATE_LIMIT_ADDRESS: number = 60_000;

  /** An agent with ten jobs at a time that take a tenth of a second each asks 24,000 times. */
  @PerMinute('HYBRID_RATE_LIMIT_CALLER')
  HYBRID_RATE_LIMIT_CALLER: number = 30_000;

  /** Twice an address: organisations come from several. */
  @PerMinute('HYBRID_RATE_LIMIT_ORGANISATION')
  HYBRID_RATE_LIMIT_ORGANISATION: number = 120_000;

  /**
   * Credentials that were wrong, of an address. Secrets have 256 bits, so that guessing is hopeless at any rate: the limit
   * bounds what failures cost and how much noise they make. Past it nobody of that address is let in, and one broken
   * client behind a NAT, which tries several times a second, must not lock out its neighbours.
   */
  @PerMinute('HYBRID_RATE_LIMIT_FAILURES')
  HYBRID_RATE_LIMIT_FAILURES: number = 300;

  /**
   * Sign-ins that are begun, of an address: each takes up to a kilobyte of the 64 MiB that NATS keeps them in for ten
   * minutes. A team that comes back after lunch behind one address needs fewer.
   */
  @PerMinute('HYBRID_RATE_LIMIT_SIGN_INS')
  HYBRID_RATE_LIMIT_SIGN_INS: number = 60;
}

/** Whether clients reach the gateway by TLS: its own, or that of a proxy. */
export function isReachedByTls({ HYBRID_TLS_CERT_FILE, HYBRID_PUBLIC_URL }: EdgeSettings): boolean {
  return HYBRID_TLS_CERT_FILE !== undefined || HYBRID_PUBLIC_URL?.startsWith('https:') === true;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** Exactly as browsers send it. */
function isOrigin(text: string): boolean {
  const url = originOf(text);
  if (url?.origin !== text || text.includes('*')) return false;
  return url.protocol === 'https:' || isLoopback(url.hostname);
}

function originOf(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url && /^https?:$/.test(url.protocol) && !url.username && !url.password ? url : null;
}

/** As a setting of a compose file that nobody set. */
function unsetIfEmpty({ value }: { value: unknown }): unknown {
  return value === '' ? undefined : value;
}

function list({ value }: { value: unknown }): unknown {
  if (typeof value !== 'string') return value;
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function Must<T>(message: string, holds: (value: T, settings: EdgeSettings) => boolean): PropertyDecorator {
  return ValidateBy({
    name: 'must',
    validator: {
      validate: (value, found) => holds(value as T, found?.object as EdgeSettings),
      defaultMessage: () => message,
    },
  });
}

function PerMinute(name: string): PropertyDecorator {
  const message = `${name} must be a whole number of requests a minute, or 0 for no limit`;
  return (target, key) => {
    Type(() => Number)(target, key);
    IsInt({ message })(target, key);
    Min(0, { message })(target, key);
  };
}
