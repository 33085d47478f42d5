/** A control plane, a queue in a folder and a relay between them, for one spec. */
import { afterEach, beforeEach } from '@jest/globals';
import type { Delivery } from '@hybrid/contracts';
import { readDelivery, relayPublicKey } from '@hybrid/delivery';
import { openReader, type DirectoryQueue } from '@hybrid/user-queue';
import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Bell } from '../src/bell.js';
import { readConfiguration } from '../src/configuration.js';
import type { JournalLimits } from '../src/journal/journal.js';
import { runRelay } from '../src/relay.js';
import { ControlPlane } from './control-plane.js';
import { startRelay, type RelayProcess } from './relay-process.js';

export const SECRET = 'webhook-secret-0123456789';
export const DIGEST_KEY = 'd'.repeat(64);
/** Files of the folder. */
const SECRETS = {
  'github-secret': SECRET,
  'digest-key': DIGEST_KEY,
  'join-token': 'join-me',
  'client-secret': 'client:secret',
};

/** A relay within this process: quick to start, and not to be killed. */
export interface RunningRelay {
  url: string;
  /** What it told its operator so far. */
  readonly told: string;
  /** As SIGHUP does. */
  reload(): void;
  stop(): Promise<void>;
}

export class Workbench {
  home!: string;
  controlPlane!: ControlPlane;
  readonly #processes: RelayProcess[] = [];
  readonly #running: RunningRelay[] = [];

  async set(): Promise<void> {
    this.home = await mkdtemp(join(tmpdir(), 'hybrid-relay-'));
    for (const [name, text] of Object.entries(SECRETS)) await writeFile(join(this.home, name), text);
    this.controlPlane = await new ControlPlane().start();
    await this.makeQueue();
  }

  async clear(): Promise<void> {
    for (const relay of this.#running.splice(0)) await relay.stop();
    for (const { child, ended } of this.#processes.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
    await this.controlPlane.stop();
    await rm(this.home, { recursive: true, force: true });
  }

  get queue(): DirectoryQueue {
    return { kind: 'directory', path: join(this.home, 'queue') };
  }

  async makeQueue(): Promise<void> {
    await mkdir(this.queue.path, { recursive: true });
  }

  async takeQueueAway(): Promise<void> {
    await rm(this.queue.path, { recursive: true });
  }

  /** Answers the file. `whole`: beside the section of the relay. */
  async configure(relay: Record<string, unknown> = {}, whole: Record<string, unknown> = {}): Promise<string> {
    const file = join(this.home, 'net-zero.yaml');
    const config = {
      version: 1,
      name: 'acme',
      environment: 'test',
      queue: this.queue,
      relay: {
        listen: '127.0.0.1:0',
        data: 'data',
        control_plane: { url: this.controlPlane.url, join_token: { file: 'join-token' } },
        digest_key: { id: 'digests-1', key: { file: 'digest-key' } },
        sources: [{ name: 'hub', tool: 'github', secrets: [{ file: 'github-secret' }] }],
        ...relay,
      },
      routes: { rules: [] },
      ...whole,
    };
    await writeFile(file, stringify(config));
    return file;
  }

  /** Resolves once it listens. Rejects with what ends it before. */
  async start(
    relay: Record<string, unknown> = {},
    limits: Partial<JournalLimits> = {},
  ): Promise<RunningRelay> {
    const file = await this.configure(relay);
    const reload = new Bell();
    const stopping = new AbortController();
    let told = '';
    let ended: Promise<void> | undefined;
    const url = await new Promise<string>((ready, failed) => {
      ended = runRelay({
        read: () => readConfiguration(file),
        reload,
        limits,
        version: '1.2.3',
        notify: (text) => (told += `${text}\n`),
        ready,
        stop: stopping.signal,
      });
      ended.catch(failed);
    });
    const running = {
      url,
      get told() {
        return told;
      },
      reload: () => reload.ring(),
      async stop() {
        stopping.abort(new Error('stopped'));
        await ended?.catch(() => undefined);
      },
    };
    this.#running.push(running);
    return running;
  }

  startProcess(args: string[]): RelayProcess {
    const relay = startRelay(args);
    this.#processes.push(relay);
    return relay;
  }

  /** All that is on the queue, read with the keys of the registered relays; it is off the queue then. */
  async deliveries(): Promise<Delivery[]> {
    const reader = await openReader(this.queue);
    const all: Delivery[] = [];
    try {
      for (;;) {
        const signal = new AbortController().signal;
        const messages = await reader.receive({ max: 100, waitMs: 0, signal });
        if (messages.length === 0) return all;
        for (const { body } of messages) all.push(await this.read(body));
        await reader.remove(messages);
      }
    } finally {
      await reader.close();
    }
  }

  async read(text: string): Promise<Delivery> {
    const { delivery, refusal } = await readDelivery(text, async (id) => {
      const relay = this.controlPlane.relays.get(id);
      return relay ? relayPublicKey(relay.public_key) : null;
    });
    if (refusal) throw new Error(`${refusal.code}: ${refusal.message}`);
    return delivery;
  }
}

export function workbench(): Workbench {
  const bench = new Workbench();
  beforeEach(() => bench.set());
  afterEach(() => bench.clear());
  return bench;
}

/** A push as GitHub sends it, as short as it can be. `commit` makes it another one. */
export function push(commit: string, branch = 'main'): string {
  return JSON.stringify({
    ref: `refs/heads/${branch}`,
    before: '0'.repeat(40),
    after: commit,
    deleted: false,
    repository: {
      full_name: 'acme/web',
      clone_url: 'https://github.com/acme/web.git',
      private: true,
      description: 'canary-payload-4711',
    },
    sender: { login: 'octocat' },
    commits: [{ id: commit, message: 'canary-payload-4711', added: ['a.ts'], modified: [], removed: [] }],
    head_commit: { id: commit, message: 'canary-payload-4711', added: ['a.ts'], modified: [], removed: [] },
  });
}

export function commitOf(number: number): string {
  return (number + 1).toString(16).padStart(40, '0');
}

export interface Answered {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Signs and sends a webhook as GitHub does; `headers` in the place of its own. */
export async function send(
  url: string,
  body: string,
  { source = 'hub', secret = SECRET, headers = {} } = {},
): Promise<Answered> {
  const response = await fetch(`${url}/webhooks/${source}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-event': 'push',
      'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      ...headers,
    },
    body,
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answered['body'],
  };
}
