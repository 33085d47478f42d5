/** The settings of the provider `docker`: what its containers publish, keep and may use. */
import { StepProblem } from '../step.js';

export interface DockerSettings {
  ports: PublishedPort[];
  network?: string;
  /** Named volumes: the machine's own folders are not for a pipeline to name. */
  volumes: { name: string; target: string; readOnly: boolean }[];
  restart: (typeof RESTARTS)[number];
  /** Bytes. */
  memory?: number;
  /** Cores. */
  cpu?: number;
  command?: string[];
}

export interface PublishedPort {
  hostIp?: string;
  hostPort: number;
  containerPort: number;
  protocol: 'tcp' | 'udp';
}

const RESTARTS = ['no', 'on-failure', 'always', 'unless-stopped'] as const;
const KEYS = ['ports', 'network', 'volumes', 'restart', 'memory', 'cpu', 'command'];
const PORT = /^(?:(\d{1,3}(?:\.\d{1,3}){3}):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/;
const VOLUME = /^([A-Za-z0-9][A-Za-z0-9_.-]*):(\/[^:]*)(?::(ro|rw))?$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const SIZE = /^(\d{1,15})\s*([kmg]?)(i?b)?$/i;
const UNITS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
/** The engine refuses less. */
const MEMORY_MIN = 6 * 1024 ** 2;

/** Throws StepProblem naming the setting and what it may be. */
export function dockerSettings(given: unknown): DockerSettings {
  const settings = given ?? {};
  if (typeof settings !== 'object' || Array.isArray(settings)) throw wrong('', 'must be an object');
  const values = settings as Record<string, unknown>;
  const unknown = Object.keys(values).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw wrong('', `has no ${unknown}: it takes ${KEYS.join(', ')}`);
  const { network, restart = 'unless-stopped', memory, cpu, command } = values;
  if (network !== undefined && !(typeof network === 'string' && NAME.test(network) && network !== 'host'))
    throw wrong('.network', 'must be the name of a network of the engine, and not host');
  const policy = RESTARTS.find((one) => one === restart);
  if (!policy) throw wrong('.restart', `must be one of ${RESTARTS.join(', ')}`);
  if (cpu !== undefined && !(typeof cpu === 'number' && cpu >= 0.01 && cpu <= 1024))
    throw wrong('.cpu', 'must be a number of cores, such as 0.5');
  return {
    ports: texts(values, 'ports').map(portOf),
    ...(network !== undefined && { network: network }),
    volumes: texts(values, 'volumes').map(volumeOf),
    restart: policy,
    ...(memory !== undefined && { memory: bytesOf(memory) }),
    ...(cpu !== undefined && { cpu: cpu }),
    ...(command !== undefined && { command: texts(values, 'command') }),
  };
}

function portOf(text: string): PublishedPort {
  const [, hostIp, host, container, protocol = 'tcp'] = PORT.exec(text) ?? [];
  const [hostPort, containerPort] = [Number(host), Number(container)];
  const fits = [hostPort, containerPort].every((port) => port >= 1 && port <= 65_535);
  if (!fits || hostIp?.split('.').some((part) => Number(part) > 255))
    throw wrong('.ports', `has ${text}: write host:container, such as 8080:80 or 127.0.0.1:8080:80/tcp`);
  return { ...(hostIp !== undefined && { hostIp }), hostPort, containerPort, protocol: protocol as 'tcp' };
}

function volumeOf(text: string): DockerSettings['volumes'][number] {
  const [, name, target, mode] = VOLUME.exec(text) ?? [];
  if (name === undefined || target === undefined)
    throw wrong(
      '.volumes',
      `has ${text}: write name:/path or name:/path:ro; folders of the machine itself cannot be given`,
    );
  return { name, target, readOnly: mode === 'ro' };
}

function bytesOf(value: unknown): number {
  const [, number, unit = ''] =
    SIZE.exec(typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '') ?? [];
  const bytes = Number(number) * (UNITS[unit.toLowerCase()] ?? 1);
  if (!(bytes >= MEMORY_MIN))
    throw wrong('.memory', 'must be bytes or a size such as 512m or 2g, 6m at least');
  return bytes;
}

function texts(values: Record<string, unknown>, name: string): string[] {
  const list = values[name] ?? [];
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string'))
    throw wrong(`.${name}`, 'must be a list of texts');
  return list;
}

function wrong(where: string, what: string): StepProblem {
  return new StepProblem(`config.docker${where} ${what}`);
}
