/**
 * Many things by id, of which a changed copy costs little: one part of 256 is copied. A fold over ten thousand people takes
 * a quarter of a second, where copies of one map took half a minute. Plain data, as it goes into snapshots.
 */
export type Book<V> = readonly ReadonlyMap<string, V>[];

const PARTS = 256;

export const emptyBook: Book<never> = Array<ReadonlyMap<string, never>>(PARTS).fill(new Map<string, never>());

export function lookUp<V>(book: Book<V>, id: string): V | undefined {
  return book[partOf(id)]!.get(id);
}

/** The book with the thing in place of the one before; without it where it is undefined. */
export function enter<V>(book: Book<V>, id: string, thing: V | undefined): Book<V> {
  const index = partOf(id);
  const part = new Map(book[index]);
  if (thing === undefined) part.delete(id);
  else part.set(id, thing);
  return book.with(index, part);
}

/** In no order that means anything. */
export function entries<V>(book: Book<V>): [id: string, thing: V][] {
  return book.flatMap((part) => [...part]);
}

/** FNV-1a. */
function partOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % PARTS;
}
