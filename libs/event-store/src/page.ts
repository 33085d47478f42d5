/** Pages of a list, newest first, by (created_at, id): stable while rows are added. */
import {
  problem,
  type CallContext,
  type JsonText,
  type Page,
  type PageQuery,
  type TextPage,
} from '@hybrid/contracts';
import type { ReadModel } from './freshness.js';
import { prepared } from './prepared.js';

const DEFAULT_LIMIT = 50;
/** The default, and the most that the API lets ask for. */
const PLANNED_LIMITS = [DEFAULT_LIMIT, 200];
/** Of the things in one page of text: a NATS message holds 1 MiB unless it is told otherwise. */
const TEXT_BYTES = 700_000;
const TIME = /^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** In place of an organisation: rows of all of them, for lists that are about the installation. */
export const ALL_ORGANISATIONS = Symbol('all organisations');

interface List {
  from: ReadModel;
  /** With schema: `queue.jobs`. Needs the columns org, id and created_at (of whole milliseconds, as a cursor has). */
  table: string;
  /** Its organisation's rows are shown, at least as new as it asks for. */
  call: Pick<CallContext, 'atLeast'> & { org: string | typeof ALL_ORGANISATIONS };
  query: PageQuery;
  /** Column → wanted value; undefined values are left out. */
  where: Record<string, string | undefined>;
  /** Columns that `<table>_counts` counts by, beside the organisation (see `stateTable`). */
  counts?: string[];
}

interface ListOptions<Row, View> extends List {
  view: (row: Row) => View;
}

/** What a cursor says of a row. */
interface Place {
  id: string;
  created_at: Date | string;
}

/** `total` is that of the first page. @throws ProblemError `invalid_cursor`, or `read_model_behind`. */
export async function listPage<Row extends Place, View>(
  options: ListOptions<Row, View>,
): Promise<Page<View>> {
  const limit = options.query.limit ?? DEFAULT_LIMIT;
  const { rows, total } = await readRows<Row>(options, { select: '*', limit });
  const shown = rows.slice(0, limit);
  return { items: shown.map(options.view), total, next_cursor: cursorBehind(shown, rows, total) };
}

/**
 * As `listPage`, where a column holds each thing as JSON: its texts are put together unread, and so may they be passed on.
 * A page ends before its limit where it would not fit into a message.
 */
export async function listText<K extends string, View>(
  things: K,
  options: List & { column: string },
): Promise<JsonText<TextPage<K, View>>> {
  const { column, query } = options;
  const limit = query.limit ?? DEFAULT_LIMIT;
  // A text that is stored elsewhere is fetched only if it is shown: its length is known without it.
  const { rows, total } = await readRows<Place & { text: string | null }>(options, {
    select: `id, created_at, case when row_number() over newest = 1
      or sum(octet_length(${column})) over newest <= ${TEXT_BYTES} then ${column} end as text`,
    window: 'window newest as (order by created_at desc, id desc rows unbounded preceding)',
    // Of few sizes, so that there are few statements to be kept.
    limit: PLANNED_LIMITS.find((most) => limit <= most) ?? limit,
    planned: true,
  });
  const shown = rows.slice(0, limit).filter(({ text }) => text !== null);
  const items = shown.map(({ text }) => text).join();
  const end = JSON.stringify({ total, next_cursor: cursorBehind(shown, rows, total) });
  return Buffer.from(`{"${things}":[${items}],${end.slice(1)}`);
}

interface Reading {
  select: string;
  window?: string;
  limit: number;
  /** Planned once for each connection, and its values left as they are, as text. */
  planned?: boolean;
}

/** Up to one row more than the limit, so that it shows whether there is another; and how many there are in all. */
async function readRows<Row extends Place>(
  { from, table, call, query, where, counts = [] }: List,
  { select, window = '', limit, planned }: Reading,
): Promise<{ rows: Row[]; total: number }> {
  const { pool } = from;
  const org = call.org === ALL_ORGANISATIONS ? undefined : call.org;
  const filters = Object.entries({ org, ...where }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const conditions = filters.map(([column], index) => `${column} = $${index + 1}`).join(' and ') || 'true';
  const values: unknown[] = filters.map(([, value]) => value);
  await from.reach(call.atLeast);
  const cursor = query.cursor ? parseCursor(query.cursor) : undefined;
  const counted = filters.every(([column]) => column === 'org' || counts.includes(column));
  // Without kept counts it takes longer than the page itself where there are many rows, so it is done once for all pages.
  const counting =
    cursor?.total ??
    pool
      .query<{ total: string }>(
        counted && counts.length
          ? `select coalesce(sum(things), 0) as total from ${table}_counts where ${conditions}`
          : `select count(*) as total from ${table} where ${conditions}`,
        [...values],
      )
      .then(({ rows }) => Number(rows[0]!.total));
  let after = '';
  if (cursor) {
    values.push(cursor.time, cursor.id);
    after = ` and (created_at, id) < ($${values.length - 1}::timestamptz, $${values.length})`;
  }
  const text = `select ${select} from ${table} where ${conditions}${after} ${window}
    order by created_at desc, id desc limit ${limit + 1}`;
  const [total, { rows }] = await Promise.all([
    counting,
    pool.query<Row>(planned ? { ...prepared(text, values), types: AS_TEXT } : { text, values }),
  ]);
  return { rows, total };
}

const AS_TEXT = { getTypeParser: () => (text: string) => text };

/** Null where all that were read are shown. */
function cursorBehind(shown: Place[], read: Place[], total: number): string | null {
  const last = shown.at(-1);
  return last && shown.length < read.length ? formatCursor(last, total) : null;
}

function formatCursor({ created_at, id }: Place, total: number): string {
  return Buffer.from(JSON.stringify([new Date(created_at).toISOString(), id, total])).toString('base64url');
}

/** What `formatCursor` made; PostgreSQL must be able to read both parts. */
function parseCursor(cursor: string): { time: string; id: string; total: number } {
  try {
    const [time, id, total] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (typeof time === 'string' && TIME.test(time) && !Number.isNaN(Date.parse(time)))
      if (typeof id === 'string' && !id.includes('\0'))
        if (Number.isSafeInteger(total) && Number(total) >= 0) return { time, id, total: Number(total) };
  } catch {
    // Falls through to the refusal: what is not JSON is as wrong as what is not a cursor.
  }
  throw problem('invalid', 'invalid_cursor', 'cursor is not one that a list answered as next_cursor', [
    { path: 'cursor', message: 'take next_cursor of the page before, or leave it out' },
  ]);
}
