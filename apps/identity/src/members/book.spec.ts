import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@hybrid/testing';
import { deserialize, serialize } from 'node:v8';
import { emptyBook, enter, entries, lookUp, type Book } from './book.js';

describe('a book', () => {
  it('is like a map of which every version stays as it was', () => {
    const random = seededRandom();
    const map = new Map<string, number>();
    let book: Book<number> = emptyBook;
    for (let n = 0; n < 3_000; n++) {
      const id = `id-${Math.floor(random() * 500)}`;
      const value = random() < 0.3 ? undefined : n;
      const before = [book, lookUp(book, id), entries(book).length] as const;
      book = enter(book, id, value);
      if (value === undefined) map.delete(id);
      else map.set(id, value);
      expect(lookUp(book, id)).toBe(value);
      expect([before[0], lookUp(before[0], id), entries(before[0]).length]).toEqual(before);
    }
    expect(new Map(entries(book))).toEqual(map);
    expect(entries(emptyBook)).toEqual([]);
  });

  it('is the same when it comes back from a snapshot', () => {
    const book = enter(emptyBook as Book<number>, 'one', 1);
    expect(lookUp(deserialize(serialize(book)) as Book<number>, 'one')).toBe(1);
  });
});
