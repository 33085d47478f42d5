/**
 * Under which objects caches lie: `caches/<pipeline and repository>/<branch>/<paths>/<key>/entry`. A job reads those of its
 * own branch, then those of the shared branches; it writes its own branch's alone, so that no other branch, and no pull
 * request, can put anything where the main branch looks. Branches of another repository (a fork) are another's branches.
 */
import type { CacheSpec, ClaimedJob } from '@hybrid/contracts';
import { createHash } from 'node:crypto';
import { publicName } from '../source/repository.js';

/** Characters of one part of an object's key. */
const PART = 180;
const ENTRY = 'entry';

export interface CacheScope {
  /** Where it saves. */
  own: string;
  /** Where it looks, best first. */
  readable: string[];
}

export function scopeOf(
  { pipeline_id, spec }: ClaimedJob,
  { paths }: CacheSpec,
  shared: string[],
): CacheScope {
  const { repository = '', ref = '' } = spec.source ?? {};
  const owner = digest([pipeline_id ?? '', publicName(repository)]);
  const of = (branch: string): string => `caches/${owner}/${encode(shortBranch(branch))}/${digest(paths)}`;
  const own = of(ref);
  return { own, readable: [...new Set([own, ...shared.map(of)])] };
}

/** The object of exactly this key. */
export function objectOf(place: string, key: string): string {
  return `${place}/${encode(key)}/${ENTRY}`;
}

/** What the objects of all keys with this beginning begin with. */
export function prefixOf(place: string, beginning: string): string {
  return `${place}/${encode(beginning)}`;
}

/** The key that an object was saved under. */
export function keyOf(place: string, object: string): string | undefined {
  const parts = object.slice(place.length + 1).split('/');
  if (!object.startsWith(`${place}/`) || parts.pop() !== ENTRY) return undefined;
  const text = parts.map((part) => part.slice(1)).join('');
  return decodeURIComponent(text.replaceAll('=', '%'));
}

/**
 * One to one, and a beginning of the text gives a beginning of this: parts of at most PART characters, each after a `k`
 * that no dot or dash can precede.
 */
function encode(text: string): string {
  const safe = [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._-]/.test(character)
        ? character
        : `=${byte.toString(16).padStart(2, '0').toUpperCase()}`;
    })
    .join('');
  const parts = safe.match(new RegExp(`.{1,${PART}}`, 'g')) ?? [''];
  return parts.map((part) => `k${part}`).join('/');
}

function shortBranch(ref: string): string {
  return ref.replace(/^refs\/heads\//, '');
}

function digest(texts: string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 32);
}
