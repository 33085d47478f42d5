/** Between files and stores: what is stored is measured first, what is fetched is checked. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat, truncate } from 'node:fs/promises';
import { StoreProblem, type ObjectStore, type Source } from './object-store.js';

/** Tries of a download that gets no further; one that gets further is tried for ever. */
const TRIES = 5;
/** Milliseconds before the second try; doubled with each. */
const PAUSE_MS = 200;

/** Reads the file once for its SHA-256; it must not change until it is stored. */
export async function fileSource(file: string): Promise<Source> {
  const { size } = await stat(file);
  return {
    size,
    sha256: await fileSha256(file),
    open: (offset) => createReadStream(file, { start: offset }),
  };
}

export function bytesSource(bytes: Uint8Array): Source {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    size: bytes.length,
    sha256,
    async *open(offset) {
      if (offset < bytes.length) yield bytes.subarray(offset);
    },
  };
}

/** Of a file's bytes, hex. */
export async function fileSha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * Fetches an object into `file`, going on from where a broken line left it, and checks it.
 * Throws StoreProblem: `damaged` where the bytes are not those, and then the file is empty.
 */
export async function fetchFile(
  store: ObjectStore,
  key: string,
  file: string,
  expected: { size: number; sha256: string },
  signal?: AbortSignal,
): Promise<void> {
  await (await open(file, 'a')).close();
  let tries = 0;
  for (;;) {
    const { size: have } = await stat(file);
    try {
      if (have < expected.size) await append(store, key, file, have, signal);
      break;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof StoreProblem && error.fault !== 'away') throw error;
      tries = (await stat(file)).size > have ? 0 : tries + 1;
      if (tries >= TRIES) throw error;
      await pause(PAUSE_MS * 2 ** tries, signal);
    }
  }
  const { size } = await stat(file);
  const sha256 = await fileSha256(file);
  if (size === expected.size && sha256 === expected.sha256) return;
  await truncate(file);
  throw new StoreProblem(
    'damaged',
    `${store.location}/${key} is not what was stored: ${size} of ${expected.size} bytes, SHA-256 ${sha256} in place of ${expected.sha256}`,
  );
}

async function append(
  store: ObjectStore,
  key: string,
  file: string,
  from: number,
  signal?: AbortSignal,
): Promise<void> {
  const bytes = await store.get(key, { offset: from }, signal);
  const to = await open(file, 'a');
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) await to.write(chunk);
  } finally {
    bytes.destroy();
    await to.close();
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
