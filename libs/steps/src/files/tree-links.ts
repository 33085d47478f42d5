/** Which symbolic links an artifact may hold. */
import { posix } from 'node:path';

/**
 * True when the link at `path` (relative to the tree) stays inside the tree, also when the way leads through other such links.
 * `..` may stand only at the beginning of the target: the folder of a link is a real one, but `x/..` need not be where it looks
 * when `x` is itself a link.
 */
export function linkStaysInside(path: string, target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\\') || target.includes('\0')) return false;
  const parts = target.split('/');
  const down = parts.findIndex((part) => part !== '..' && part !== '.');
  if (down >= 0 && parts.slice(down).includes('..')) return false;
  const place = posix.join(posix.dirname(path), target);
  return place !== '..' && !place.startsWith('../');
}
