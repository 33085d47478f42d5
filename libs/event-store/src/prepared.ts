import { createHash } from 'node:crypto';
import type { QueryConfig } from 'pg';

/** By text. */
const names = new Map<string, string>();

/** A statement that PostgreSQL parses and plans once for each connection, not each time. There must be few texts. */
export function prepared(text: string, values: unknown[]): QueryConfig {
  let name = names.get(text);
  if (!name) names.set(text, (name = createHash('sha256').update(text).digest('hex').slice(0, 32)));
  return { name, text, values };
}
