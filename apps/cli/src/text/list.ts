import type { Output } from '../output.js';
import { table } from './table.js';
import { terminalText } from './terminal-text.js';

/** A page of a list: as JSON, or as a table whose cells are stripped of what could move the cursor. */
export function showList<T>(
  out: Output,
  page: { total: number; next_cursor: string | null },
  head: string[],
  items: T[],
  row: (item: T) => string[],
): void {
  if (out.format === 'json') return out.json(page);
  out.line(
    table(
      head,
      items.map((item) => row(item).map((cell) => terminalText(cell, false))),
    ),
  );
  if (page.next_cursor) out.note(`${page.total} in all; the next ones: --cursor ${page.next_cursor}`);
}
