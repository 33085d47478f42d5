import type { Page } from '@hybrid/contracts';

/** `{ "<things>": [...], "total": n, "next_cursor": … }` */
export function listReply<K extends string, T>(things: K, { items, total, next_cursor }: Page<T>) {
  return { [things]: items, total, next_cursor } as Record<K, T[]> & {
    total: number;
    next_cursor: string | null;
  };
}
