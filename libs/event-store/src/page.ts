/** Pages of a list, newest first, by (created_at, id): stable while rows are added. */
import { problem, type CallContext, type Page, type PageQuery } from '@hybrid/contracts';
import type { ReadModel } from './freshness.js';

const DEFAULT_LIMIT = 50;
const TIME = /^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

interface ListOptions<Row, View> {
  from: ReadModel;
  /** With schema: `queue.jobs`. Needs the columns org, id and created_at (of whole milliseconds, as a cursor has). */
  table: string;
  /** Its organisation's rows are shown, at least as new as it asks for. */
  call: Pick<CallContext, 'org' | 'atLeast'>;
  query: PageQuery;
  /** Column → wanted value; undefined values are left out. */
  where: Record<string, string | undefined>;
  view: (row: Row) => View;
}

/** `total` is that of the first page. @throws ProblemError `invalid_cursor`, or `read_model_behind`. */
export async function listPage<Row extends { id: string; created_at: Date }, View>(
  options: ListOptions<Row, View>,
): Promise<Page<View>> {
  const { from, table, call, query, where, view } = options;
  const { pool } = from;
  const limit = query.limit ?? DEFAULT_LIMIT;
  const filters = Object.entries({ org: call.org, ...where }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const conditions = filters.map(([column], index) => `${column} = $${index + 1}`).join(' and ');
  const values: unknown[] = filters.map(([, value]) => value);
  await from.reach(call.atLeast);
  const cursor = query.cursor ? parseCursor(query.cursor) : undefined;
  // Counting takes longer than the page itself where there are many rows, so it is done once for all pages.
  const counting =
    cursor?.total ??
    pool
      .query<{ total: string }>(`select count(*) as total from ${table} where ${conditions}`, [...values])
      .then(({ rows }) => Number(rows[0]!.total));
  let after = '';
  if (cursor) {
    values.push(cursor.time, cursor.id);
    after = ` and (created_at, id) < ($${values.length - 1}::timestamptz, $${values.length})`;
  }
  const [total, { rows }] = await Promise.all([
    counting,
    pool.query<Row>(
      `select * from ${table} where ${conditions}${after} order by created_at desc, id desc limit ${limit + 1}`,
      values,
    ),
  ]);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(view),
    total,
    next_cursor: rows.length > limit && last ? formatCursor(last, total) : null,
  };
}

function formatCursor({ created_at, id }: { created_at: Date; id: string }, total: number): string {
  return Buffer.from(JSON.stringify([created_at.toISOString(), id, total])).toString('base64url');
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
