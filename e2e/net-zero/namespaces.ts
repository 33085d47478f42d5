/** Networks of this machine that know nothing of each other, and lines between two of them. For root, with iproute2. */
import { execFileSync } from 'node:child_process';

const PREFIX = `hybrid-test-${process.pid}`;

/** Why there can be none here; undefined where there can. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces are for root';
  try {
    ip('netns', 'add', `${PREFIX}-try`);
    ip('netns', 'delete', `${PREFIX}-try`);
    return undefined;
  } catch (error) {
    return `network namespaces cannot be made: ${(error as Error).message.split('\n').join(' ')}`;
  }
}

export class Namespace {
  /** @param name null: that of this process. */
  private constructor(private readonly name: string | null) {}

  static readonly own = new Namespace(null);

  static make(name: string): Namespace {
    ip('netns', 'add', `${PREFIX}-${name}`);
    const made = new Namespace(`${PREFIX}-${name}`);
    made.ip('link', 'set', 'lo', 'up');
    return made;
  }

  /** What stands before a command that is to run in it. */
  get command(): string[] {
    return this.name === null ? [] : ['ip', 'netns', 'exec', this.name];
  }

  ip(...args: string[]): void {
    ip(...(this.name === null ? [] : ['-n', this.name]), ...args);
  }

  remove(): void {
    if (this.name !== null) ip('netns', 'delete', this.name);
  }

  /** Takes one end of a new line, with this address of a network of 30 bits. */
  take(device: string, address: string): void {
    if (this.name !== null) ip('link', 'set', device, 'netns', this.name);
    this.ip('address', 'add', `${address}/30`, 'dev', device);
    this.ip('link', 'set', device, 'up');
  }

  /** Whether a server there answers the connection of somebody here; otherwise why not. */
  reaches(address: string, port: number): string {
    const program = `const s = require('node:net').connect(${port}, '${address}');
s.setTimeout(20_000, () => s.destroy(new Error('silence')));
s.on('connect', () => (console.log('yes'), s.destroy()));
s.on('error', ({ code, message }) => console.log(code ?? message));`;
    const [command = '', ...args] = [...this.command, process.execPath, '-e', program];
    return execFileSync(command, args, { encoding: 'utf8' }).trim();
  }
}

/** A line between two of them, until `cut`. */
export class Line {
  private static count = 0;
  private readonly device: string;

  constructor(
    private readonly one: Namespace,
    oneAddress: string,
    other: Namespace,
    otherAddress: string,
  ) {
    // Names of devices have at most 15 characters.
    this.device = `h${process.pid}-${Line.count++}`;
    ip('link', 'add', this.device, 'type', 'veth', 'peer', 'name', `${this.device}p`);
    one.take(this.device, oneAddress);
    other.take(`${this.device}p`, otherAddress);
  }

  cut(): void {
    this.one.ip('link', 'delete', this.device);
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
