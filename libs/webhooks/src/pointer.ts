/** Looks into a payload: JSON Pointers, with `*` for every item of a list. */

/** Values that one pointer finds: 2,048 commits with three lists of files have fewer. Bounds the time. */
const MAX_FOUND = 20_000;

export const POINTER_PATTERN = '^\\.?(?:/(?:[^~/\\p{Cc}]|~[01])*){1,20}$';

/** Where a pointer begins: the payload, or with a leading dot the item of `each`. */
export interface Scope {
  payload: unknown;
  item: unknown;
}

/** What stands there, in order; null and missing values are left out. */
export function valuesAt({ payload, item }: Scope, pointer: string): unknown[] {
  const [start, ...keys] = pointer.split('/');
  let found: unknown[] = [start === '.' ? item : payload];
  for (const key of keys) {
    const name = key.replaceAll('~1', '/').replaceAll('~0', '~');
    found = found.flatMap((value) => step(value, name)).slice(0, MAX_FOUND);
  }
  return found.filter((value) => value !== undefined && value !== null);
}

function step(value: unknown, name: string): unknown[] {
  if (Array.isArray(value)) {
    if (name === '*') return value as unknown[];
    return /^(?:0|[1-9]\d{0,8})$/.test(name) ? [value[Number(name)]] : [];
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return [];
  return [(value as Record<string, unknown>)[name]];
}
