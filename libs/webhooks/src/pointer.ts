/** Looks into a payload: JSON Pointers, with `*` for every item of a list. */

export const POINTER_PATTERN = '^\\.?(?:/(?:[^~/\\p{Cc}]|~[01])*){1,20}$';

/** Where a pointer begins: the payload, or with a leading dot the item of `each`. */
export interface Scope {
  payload: unknown;
  item: unknown;
}

/**
 * What stands there, in order; null and missing values are left out. Each value of the payload at most once, so that the
 * payload's bound is the bound of this.
 */
export function valuesAt({ payload, item }: Scope, pointer: string): unknown[] {
  const [start, ...keys] = pointer.split('/');
  let found: unknown[] = [start === '.' ? item : payload];
  for (const key of keys) {
    const name = key.replaceAll('~1', '/').replaceAll('~0', '~');
    found = found.flatMap((value) => step(value, name));
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
