/** What in a service's settings leaves the way to its servers open to others. */
import type { Finding } from '@hybrid/contracts';
import type { ServerSettings } from './settings.js';

interface Address {
  hosts: string[];
  password: string;
  scheme: string;
  /** Names in lower case. */
  parameters: Map<string, string>;
}

/** Of settings that are valid; nothing for those that are safe. No finding holds a user, a password or an address. */
export function unsafeSettings(settings: ServerSettings): Finding[] {
  return [
    ...ofNats(settings.NATS_URL),
    ...ofEventStore(read(settings.EVENTSTORE_URL)),
    ...ofPostgres(read(settings.DATABASE_URL)),
  ];
}

function ofNats(urls: string): Finding[] {
  const setting = 'NATS_URL';
  const servers = urls.split(',').map((url) => read(url.trim()));
  const findings: Finding[] = [];
  if (servers.some((server) => leavesMachine(server) && server.scheme !== 'tls'))
    findings.push({
      setting,
      finding:
        'NATS is on another machine and spoken to without TLS: its password and every job can be read on the way',
      remedy:
        'give nats-server a certificate, begin NATS_URL with tls:// and name the authority in NATS_CA_FILE',
    });
  // The client takes them from the first one.
  if (!servers[0]?.password)
    findings.push({
      setting,
      finding:
        'NATS is used without a password: whoever reaches it may say everything in the name of any service',
      remedy:
        'give each service a NATS user of its own (infra/nats/users.conf): tls://<service>:<password>@host:4222',
    });
  return findings;
}

function ofEventStore(address: Address): Finding[] {
  const setting = 'EVENTSTORE_URL';
  const { parameters, password } = address;
  const away = leavesMachine(address);
  if (parameters.get('tls') === 'false')
    return away
      ? [
          {
            setting,
            finding:
              'the event store is on another machine and spoken to without TLS, and so without a password: whoever reaches it may read and write everything',
            remedy:
              'give it a certificate and users: esdb://user:password@host:2113?tls=true&tlsCaFile=/path/ca.crt',
          },
        ]
      : [];
  const findings: Finding[] = [];
  if (parameters.get('tlsverifycert') === 'false')
    findings.push({
      setting,
      finding: 'the certificate of the event store is not verified: anybody on the way may pass for it',
      remedy: 'take out tlsVerifyCert=false, and name the authority by tlsCaFile',
    });
  if (away && !password && !parameters.has('usercertfile'))
    findings.push({
      setting,
      finding: 'the event store is used without user and password',
      remedy: 'give it users, and name one: esdb://user:password@host:2113',
    });
  return findings;
}

/** What pg verifies the server's certificate for; with `uselibpqcompat` it does as libpq does. */
const VERIFIED = ['verify-full', 'verify-ca', 'require', 'prefer'];

function ofPostgres(address: Address): Finding[] {
  if (!leavesMachine(address)) return [];
  const setting = 'DATABASE_URL';
  const { parameters, password } = address;
  const findings: Finding[] = [];
  const mode = parameters.get('sslmode') ?? (parameters.get('ssl') === 'true' ? 'verify-full' : 'disable');
  const remedy = 'end DATABASE_URL with sslmode=verify-full&sslrootcert=/path/ca.crt';
  if (mode === 'disable')
    findings.push({
      setting,
      finding: 'PostgreSQL is on another machine and spoken to without TLS: every row can be read on the way',
      remedy,
    });
  else if (!(parameters.get('uselibpqcompat') === 'true' ? ['verify-full'] : VERIFIED).includes(mode))
    findings.push({
      setting,
      finding: 'the certificate of PostgreSQL is not verified: anybody on the way may pass for it',
      remedy,
    });
  if (!password && !parameters.has('password') && !parameters.has('sslcert'))
    findings.push({
      setting,
      finding: 'PostgreSQL is used without a password',
      remedy: 'give the user a password, and ask for it in pg_hba.conf (scram-sha-256)',
    });
  return findings;
}

/** By hand: a URL of several hosts is none to the platform's own parser. */
function read(url: string): Address {
  const [, scheme = '', login = '', hosts = ''] = /^(?:([\w+]+):\/\/)?(?:([^@/]*)@)?([^/?]*)/.exec(url) ?? [];
  const [, ...password] = login.split(':');
  const parameters = new URLSearchParams(url.split('?')[1] ?? '');
  return {
    scheme,
    password: password.join(':'),
    hosts: hosts.split(',').map((host) => host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '')),
    parameters: new Map([...parameters].map(([name, value]) => [name.toLowerCase(), value])),
  };
}

/** A socket's path, percent-encoded, and no host at all are this machine's, too. */
function leavesMachine({ hosts, parameters }: Address): boolean {
  const named = parameters.has('host') ? [parameters.get('host')!] : hosts;
  return named.some((host) => !/^(|localhost|::1|127(\.\d{1,3}){3}|%2f.*|\/.*)$/i.test(host));
}
