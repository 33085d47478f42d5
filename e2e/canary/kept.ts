/** Every byte that the control plane keeps or shows, place by place, as whoever got hold of it could read it. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { Platform } from '@hybrid/test-platform';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ROUTES } from '../http/routes.js';
import type { System } from '../system.js';

export interface Kept {
  place: string;
  /** File, table, stream or route. */
  where: string;
  bytes: Buffer;
}

const text = (place: string, where: string, value: unknown): Kept => ({
  place,
  where,
  bytes: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
});

/** @param names values of `{…}` in routes: each is asked for. */
export async function* everythingKept(
  system: System,
  names: Record<string, string[]>,
): AsyncGenerator<Kept, void> {
  yield* storedEvents(system.platform);
  yield* jetStream(system.platform);
  yield* tables(system.platform);
  yield* answers(system, names);
  yield* files(system.platform.directory);
}

async function* storedEvents({ connections }: Platform): AsyncGenerator<Kept> {
  for await (const { event } of connections.eventStore.readAll()) {
    if (!event) continue;
    const { streamId, type, data, metadata } = event;
    const parts = [data, metadata].map((part) =>
      part instanceof Uint8Array ? Buffer.from(part).toString() : part,
    );
    yield text('events', `${streamId} ${type}`, [streamId, type, ...parts]);
  }
}

/** Streams, key-value buckets and objects alike: all are streams. */
async function* jetStream({ connections }: Platform): AsyncGenerator<Kept> {
  const { streams } = await jetstreamManager(connections.nats);
  for await (const { config, state } of streams.list()) {
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await streams.getMessage(config.name, { seq }).catch(() => null);
      if (!message) continue;
      const headers = [...(message.header ?? [])];
      yield text('JetStream', `${config.name} ${message.subject}`, [message.subject, headers]);
      yield {
        place: 'JetStream',
        where: `${config.name} ${message.subject}`,
        bytes: Buffer.from(message.data),
      };
    }
  }
}

async function* tables({ connections: { pool } }: Platform): AsyncGenerator<Kept> {
  const { rows: found } = await pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  for (const { name } of found) {
    const { rows } = await pool.query<{ row: string }>(`select t::text as row from ${name} t`);
    yield text('PostgreSQL', name, rows.map(({ row }) => row).join('\n'));
  }
}

async function* answers(system: System, names: Record<string, string[]>): AsyncGenerator<Kept> {
  const routes = Object.keys(ROUTES).filter((route) => route.startsWith('GET '));
  for (const route of routes)
    for (const request of filledIn(route, names)) {
      const { headers, body } = await system.admin<unknown>(request);
      yield text('answers', request, [...headers]);
      yield text('answers', request, body);
    }
}

function filledIn(route: string, names: Record<string, string[]>): string[] {
  const [hole, name = ''] = /\{(\w+)\}/.exec(route) ?? [];
  if (!hole) return [route];
  const values = names[name] ?? ['none'];
  return values.flatMap((value) => filledIn(route.replace(hole, encodeURIComponent(value)), names));
}

/** What the servers and services have on their disks. The agents' data are the customer's. */
async function* files(directory: string): AsyncGenerator<Kept> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const where = path.slice(directory.length + 1);
    if (!entry.isFile() || /^agent-\d+\//.test(where)) continue;
    const bytes = await readFile(path).catch(() => null);
    // Files come and go while servers run.
    if (!bytes) continue;
    const place = placeOf(where);
    yield { place, where, bytes };
    if (bytes[0] === 0x1f && bytes[1] === 0x8b)
      yield { place, where: `${where}, unpacked`, bytes: gunzipSync(bytes) };
  }
}

function placeOf(file: string): string {
  if (file.endsWith('.log') || file.endsWith('.log.1'))
    return file.includes('/') ? 'logs of servers' : 'logs';
  const [folder = ''] = file.split('/');
  return `files of ${folder}`;
}
