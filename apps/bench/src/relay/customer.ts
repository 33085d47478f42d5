/** The customer's side: a relay with a source, whose pushes start a pipeline by way of one queue. */
import { bundleOf, startProcess } from '@hybrid/servers';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Cleanup } from '../queue/cleanup.js';
import type { OwnSystem } from '../queue/own-system.js';
import type { QueuePlace } from './queues/queue-place.js';
import { WEBHOOK_SECRET } from './webhooks.js';

export const REPOSITORY = 'acme/web';

const PIPELINE = `name: bench
on:
  push: { branches: [main] }
steps:
  - { name: build, type: step.shell_exec, config: { commands: ['true'] } }
`;

export interface Customer {
  /** Where webhooks go. */
  url: string;
  /** Of the relay. */
  pid: number;
  /** The control plane takes nothing from the queue from then on. */
  pause(): Promise<unknown>;
}

/** @param directory of this customer; the routing service's credentials lie in `credentials`. */
export async function startCustomer(
  name: string,
  system: OwnSystem,
  place: QueuePlace,
  directory: string,
  credentials: string,
  cleanup: Cleanup,
): Promise<Customer> {
  await mkdir(directory, { recursive: true });
  const { token } = await admin<{ token: string }>(system, 'POST', '/api/join-tokens', {
    name,
    for: 'relay',
  });
  const files = { 'join-token': token, secret: WEBHOOK_SECRET, 'digest-key': 'd'.repeat(64) };
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text);
  if (place.writer) await writeFile(join(directory, 'writer'), place.writer);
  if (place.reader) await writeFile(join(credentials, name), place.reader);
  const config = {
    version: 1,
    name,
    environment: 'bench',
    queue: place.queue,
    ...(place.reader && { credentials: { control_plane: { name } } }),
    routes: { rules: [] },
  };
  const relay = {
    listen: '127.0.0.1:0',
    data: 'data',
    control_plane: { url: system.url, join_token: { file: 'join-token' } },
    digest_key: { id: 'one', key: { file: 'digest-key' } },
    // The name is a part of each delivery's id: another for each customer, or the same push would be the same run.
    sources: [{ name, tool: 'github', secrets: [{ file: 'secret' }] }],
  };
  const file = join(directory, 'net-zero.yaml');
  const own = { relay, ...(place.writer && { credentials: { relay: { file: 'writer' } } }) };
  await writeFile(file, stringify({ ...config, ...own }));
  await admin(system, 'PUT', '/api/pipelines/bench', {
    definition: PIPELINE,
    repository: REPOSITORY,
    clone_url: 'https://github.com/acme/web.git',
  });
  await admin(system, 'PUT', `/api/connections/${name}`, { configuration: stringify(config) });
  const started = await startProcess({
    name: `relay-${name}`,
    command: process.execPath,
    args: [bundleOf('relay'), '--config', file],
    env: { PATH: process.env['PATH'] },
    log: join(directory, 'relay.log'),
  });
  cleanup.add(() => started.stop());
  const { url } = (await started.ready) as { url: string };
  return {
    url: `${url}/webhooks/${name}`,
    pid: started.pid,
    pause: () => admin(system, 'POST', `/api/connections/${name}/pause`, { reason: 'bench' }),
  };
}

async function admin<T>(system: OwnSystem, method: string, path: string, body: object): Promise<T> {
  const response = await fetch(system.url + path, {
    method,
    headers: { authorization: `Bearer ${system.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
