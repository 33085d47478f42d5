/** A customer: his queue, the relay program with its configuration, and the git hosts that send to it. */
import { bundleOf, startProcess, type RunningProcess } from '@hybrid/servers';
import { RECORDED, SECRETS, signedWebhook, type RecordedWebhook } from '@hybrid/webhooks/recorded';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { System } from '../system.js';
import { QUEUES, type CustomerQueue, type Kind } from './queues.js';

/** Of recorded pushes and pull requests. */
const COMMITS = /6113728f27ae82c7b1a177c8d03f9e96e0adf246|9d1f3a52c0b84e6f7a1d2c3b4e5f60718293a4b5/g;

export interface CustomerOptions {
  /** Also of its connection. */
  name: string;
  /** A new one of that kind, or one that is there; the customer stops it. */
  queue: Kind | CustomerQueue;
  routes?: object;
  /** A folder below the queue's, for rules that send. */
  decisions?: boolean;
  relay?: RelayPlace;
}

/** Where the relay runs, if not beside the spec. */
interface RelayPlace {
  /** Before its own command. */
  command: string[];
  listen: string;
  controlPlane: string;
  env: NodeJS.ProcessEnv;
}

export interface Answered {
  status: number;
  /** `accepted`, `duplicate`, `ignored`. */
  outcome?: string;
  /** Of the delivery. */
  id?: string;
}

export class Customer {
  private relay?: RunningProcess;
  /** Of the relay's HTTP server. */
  url = '';

  private constructor(
    private readonly system: System,
    readonly name: string,
    readonly queue: CustomerQueue,
    private readonly folder: string,
    private readonly relayConfig: object,
    private readonly decisions: object,
    private readonly place: Pick<RelayPlace, 'command' | 'env'>,
  ) {}

  /** With its queue, its connection at the control plane, and a relay that is registered. */
  static async start(system: System, options: CustomerOptions): Promise<Customer> {
    const { name, routes = { rules: [] } } = options;
    const { directory } = system.platform;
    const place = options.relay ?? {
      command: [],
      listen: '127.0.0.1:0',
      controlPlane: system.url,
      env: {},
    };
    const folder = await mkdtemp(join(tmpdir(), 'hybrid-customer-'));
    const queueFolder = join(directory, 'queues', name);
    const queue =
      typeof options.queue === 'string'
        ? await QUEUES[options.queue](options.queue === 'directory' ? queueFolder : join(folder, 'queue'))
        : options.queue;
    const decisions = options.decisions
      ? { decisions: { kind: 'directory', path: join(directory, 'queues', `${name}-decisions`) } }
      : {};
    if (options.decisions) await mkdir(join(directory, 'queues', `${name}-decisions`), { recursive: true });
    const { body } = await system.admin<{ token: string }>('POST /api/join-tokens', {
      json: { name, for: 'relay' },
    });
    const files: Record<string, string> = {
      ...SECRETS,
      'join-token': body.token,
      'digest-key': randomBytes(32).toString('hex'),
      ...(queue.credentials && { 'queue-credential': queue.credentials.relay }),
    };
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    if (queue.credentials) {
      const theirs = join(directory, 'queue-credentials', 'default');
      await mkdir(theirs, { recursive: true });
      await writeFile(join(theirs, name), queue.credentials.controlPlane);
    }
    const relay = {
      listen: place.listen,
      data: 'data',
      control_plane: { url: place.controlPlane, join_token: { file: 'join-token' } },
      ...(options.relay && { allow_plain_text: true }),
      digest_key: { id: 'digests-1', key: { file: 'digest-key' } },
      sources: Object.keys(SECRETS).map((tool) => ({ name: tool, tool, secrets: [{ file: tool }] })),
    };
    const customer = new Customer(system, name, queue, folder, relay, decisions, place);
    await customer.apply(routes);
    await customer.startRelay();
    return customer;
  }

  /** Writes the configuration, and tells the control plane its part. */
  async apply(routes: object): Promise<void> {
    const { queue, name, decisions, relayConfig: relay } = this;
    const credentials = queue.credentials && {
      credentials: { relay: { file: 'queue-credential' }, control_plane: { name } },
    };
    const whole = { version: 1, name, environment: 'test', queue: queue.config, ...decisions };
    await writeFile(this.file, stringify({ ...whole, ...credentials, relay, routes }));
    const { code, stderr } = await this.system.cli('config', 'apply', this.file);
    if (code !== 0) throw new Error(`hybrid config apply: ${stderr}`);
  }

  /** Resolves once it listens. */
  async startRelay(): Promise<void> {
    const [command = '', ...args] = [
      ...this.place.command,
      process.execPath,
      ...[bundleOf('relay'), '--config', this.file],
    ];
    this.relay = await startProcess({
      name: `relay ${this.name}`,
      command,
      args,
      env: { PATH: process.env['PATH'], ...this.place.env },
      log: join(this.folder, 'relay.log'),
    });
    this.url = (await this.relay.ready)['url'] as string;
  }

  async killRelay(): Promise<void> {
    await this.relay?.kill();
  }

  /** As a host sends it: over the body as it is, with the source's secret and these headers in the place of its own. */
  async send(webhook: RecordedWebhook, headers: Record<string, string | undefined> = {}): Promise<Answered> {
    const signed = signedWebhook(webhook);
    return this.post(webhook.tool, { ...signed.headers, ...headers }, signed.body);
  }

  async post(
    source: string,
    headers: Record<string, string | undefined>,
    body: Uint8Array,
  ): Promise<Answered> {
    const there = Object.entries(headers).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const response = await fetch(`${this.url}/webhooks/${source}`, {
      method: 'POST',
      headers: there,
      body: new Uint8Array(body),
    });
    const { status: outcome, id } = (await response.json()) as { status?: string; id?: string };
    return response.ok ? { status: response.status, outcome, id } : { status: response.status };
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.url}/metrics`)).text();
  }

  /** What the relay told its operator since it started. */
  log(): Promise<string> {
    return readFile(join(this.folder, 'relay.log'), 'utf8');
  }

  async stop(): Promise<void> {
    await this.relay?.stop();
    await this.queue.stop();
    await rm(this.folder, { recursive: true });
  }

  /** Of the secret of a source, for instance. */
  fileOf(name: string): string {
    return join(this.folder, name);
  }

  private get file(): string {
    return this.fileOf('net-zero.yaml');
  }
}

/** As it was recorded, but of a commit that can be cloned here. */
export function atCommit(name: string, commit: string): RecordedWebhook {
  const webhook = RECORDED.find((one) => one.name === name);
  if (!webhook) throw new Error(`no webhook ${name} is recorded`);
  return { ...webhook, body: Buffer.from(webhook.body.toString().replaceAll(COMMITS, commit)) };
}

/** The same push with another time: another webhook. */
export function another(webhook: RecordedWebhook, number: number): RecordedWebhook {
  const payload = { ...(JSON.parse(webhook.body.toString()) as object), number };
  return { ...webhook, body: Buffer.from(JSON.stringify(payload)) };
}
