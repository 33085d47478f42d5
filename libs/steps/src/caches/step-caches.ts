/** The caches of one step: restored before its script, saved after it. Nothing that goes wrong here fails the step. */
import type { CacheSpec } from '@hybrid/contracts';
import { DirectoryStore, fileSource, type StoredObject } from '@hybrid/stores';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createGzip } from 'node:zlib';
import { packTrees } from '../files/tree-archive.js';
import { unpackTree } from '../files/tree-unpack.js';
import { ifMissing, insideWorkspace } from '../files/workspace-path.js';
import type { FinishedScript, Preload } from '../sandbox/executor.js';
import { StepProblem, type StepContext } from '../step.js';
import { keyOf, objectOf, prefixOf, scopeOf, type CacheScope } from './cache-keys.js';
import { makeRoom, type CachePlace } from './cache-place.js';
import { withFileHashes } from './hash-files.js';

/** In the archive, below the number of its path, a file or folder has this name. */
const CONTENT = 'content';
/** Characters of a key when its hashes stand in it: the control plane is told of those that were found. */
const KEY_MAX = 600;

export interface RestoredCaches {
  /** What goes into the sandbox. */
  preload: Preload[];
  /** Keys that were found. */
  hits: string[];
  /** After a script that succeeded. */
  save(finished: FinishedScript): Promise<void>;
}

interface Cache {
  key: string;
  restoreKeys: string[];
  /** As `collect` takes them. */
  paths: string[];
  scope: CacheScope;
  /** The very key was found: there is nothing to save. */
  exact: boolean;
}

/** Throws StepProblem for what the author of the pipeline got wrong, and the signal's reason. */
export async function restoreCaches(context: StepContext, workDir: string): Promise<RestoredCaches> {
  const { caches: place, job } = context;
  const restored: RestoredCaches = { preload: [], hits: [], save: async () => {} };
  const wanted = job.spec.caches ?? [];
  if (wanted.length === 0) return restored;
  if (!place) {
    context.log('system', 'caches are left out: this agent keeps none');
    return restored;
  }
  const caches: Cache[] = [];
  for (const spec of wanted) {
    const cache = await prepare(context, place, spec, workDir);
    if (cache.paths.length === 0) continue;
    caches.push(cache);
    const found = await harmless(context, `the cache ${cache.key} cannot be restored`, () =>
      restore(context, place, cache, caches.length),
    );
    if (!found) continue;
    restored.hits.push(found.key);
    restored.preload.push(...found.preload);
  }
  restored.save = async (finished) => {
    for (const [index, cache] of caches.entries())
      if (!cache.exact)
        await harmless(context, `the cache ${cache.key} is not saved`, () =>
          save(context, place, cache, finished, index),
        );
  };
  return restored;
}

async function prepare(
  { job, workspace, log, executor }: StepContext,
  place: CachePlace,
  spec: CacheSpec,
  workDir: string,
): Promise<Cache> {
  const note = (text: string): void => log('system', text);
  const resolve = (text: string): Promise<string> => withFileHashes(text, workspace, note);
  const paths = spec.paths.flatMap((path) => {
    if (!path.startsWith('~')) return [insideWorkspace(path, workDir)];
    if (executor.name !== 'process') return [path];
    note(`${path} is not cached: on the host it is this machine's own home, which stays as it is`);
    return [];
  });
  const key = await resolve(spec.key);
  if (key.length > KEY_MAX)
    throw new StepProblem(
      `the key of a cache has ${key.length} characters with its hashes in it, and may have ${KEY_MAX}: ${key.slice(0, 60)}…`,
    );
  return {
    key,
    restoreKeys: await Promise.all((spec.restore_keys ?? []).map(resolve)),
    paths,
    scope: scopeOf(job, { ...spec, paths }, place.sharedBranches),
    exact: false,
  };
}

async function restore(
  context: StepContext,
  place: CachePlace,
  cache: Cache,
  number: number,
): Promise<{ key: string; preload: Preload[] } | undefined> {
  const found = await find(place, cache);
  if (!found) {
    context.log('system', `cache miss: ${cache.key}`);
    return undefined;
  }
  const { object, key, exact } = found;
  const folder = join(context.scratch, `cache-${number}`);
  try {
    await unpackInto(folder, await place.store.get(object.key, {}, context.signal), context.signal);
  } catch (error) {
    context.signal.throwIfAborted();
    await rm(folder, { recursive: true, force: true });
    context.log('system', `cache miss: ${key} is there and cannot be used (${(error as Error).message})`);
    // So that it is saved anew; another branch's is not ours to delete.
    if (object.key.startsWith(`${cache.scope.own}/`)) await place.store.delete(object.key);
    return undefined;
  }
  cache.exact = exact;
  if (place.store instanceof DirectoryStore) await place.store.touch(object.key);
  context.log('system', `cache hit: ${key} (${object.size} bytes)`);
  const preload: Preload[] = [];
  for (const [index, to] of cache.paths.entries()) {
    const from = join(folder, String(index), CONTENT);
    if (await lstat(from).catch(ifMissing)) preload.push({ from, to });
  }
  return { key, preload };
}

async function unpackInto(folder: string, archive: Readable, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true });
  const bytes = createGunzip();
  try {
    await Promise.all([
      pipeline(archive, bytes, { signal }),
      unpackTree(bytes as AsyncIterable<Buffer>, folder),
    ]);
  } finally {
    archive.destroy();
    bytes.destroy();
  }
}

/** The very key in any place that may be read, else the newest of the first beginning that is found. */
async function find(
  { store }: CachePlace,
  { key, restoreKeys, scope }: Cache,
): Promise<{ object: StoredObject; key: string; exact: boolean } | undefined> {
  for (const place of scope.readable) {
    const object = await store.head(objectOf(place, key));
    // Another branch's is not saved anew either: the same key stands for the same content.
    if (object) return { object, key, exact: true };
  }
  for (const beginning of [key, ...restoreKeys])
    for (const place of scope.readable) {
      let newest: StoredObject | undefined;
      for await (const object of store.list(prefixOf(place, beginning)))
        if (keyOf(place, object.key) !== undefined && (!newest || object.modified >= newest.modified))
          newest = object;
      if (newest) return { object: newest, key: keyOf(place, newest.key)!, exact: false };
    }
  return undefined;
}

async function save(
  context: StepContext,
  place: CachePlace,
  { key, paths, scope }: Cache,
  finished: FinishedScript,
  number: number,
): Promise<void> {
  const object = objectOf(scope.own, key);
  if (await place.store.head(object)) {
    context.log('system', `cache ${key} was saved by another job meanwhile`);
    return;
  }
  const trees: { from: string; under: string }[] = [];
  for (const [index, path] of paths.entries()) {
    const from = await finished.collect(path);
    const stats = from === undefined ? undefined : await lstat(from).catch(ifMissing);
    if (from === undefined || !stats) context.log('system', `cache ${key}: there is nothing at ${path}`);
    else trees.push({ from, under: `${index}/${CONTENT}` });
  }
  if (trees.length === 0) return;
  const file = join(context.scratch, `save-${number}.tar.gz`);
  try {
    const tree = Readable.from(packTrees(trees, { outsideLinks: 'refuse' }), { objectMode: false });
    // Caches are read soon and thrown away: fast before small.
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    await pipeline(tree, gzip, createWriteStream(file), { signal: context.signal });
    const source = await fileSource(file);
    await place.store.put(object, source, context.signal);
    context.log('system', `cache saved: ${key} (${source.size} bytes)`);
  } finally {
    await rm(file, { force: true });
  }
  await makeRoom(place);
}

/** A cache is a help, not a promise. */
async function harmless<T>(
  context: StepContext,
  what: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    context.signal.throwIfAborted();
    context.log('system', `${what}: ${(error as Error).message}`);
    return undefined;
  }
}
