/** Objects by key in a place that the customer names: a directory or a bucket. Bytes stream, memory stays flat. */
import type { Readable } from 'node:stream';

export interface StoredObject {
  key: string;
  /** Bytes. */
  size: number;
  modified: Date;
}

/** Bytes that can be read again: an upload that was interrupted goes on. `fileSource` and `bytesSource` make them. */
export interface Source {
  /** Bytes. */
  size: number;
  /** Of all the bytes, hex. */
  sha256: string;
  /** The bytes from `offset` on; may be asked more than once. */
  open(offset: number): AsyncIterable<Uint8Array>;
}

export interface Range {
  /** 0 unless told; at or past the end there are no bytes. */
  offset?: number;
  /** To the end unless told. */
  length?: number;
}

/** Keys are relative paths of safe names: see `checkKey`. Everything throws StoreProblem, or the signal's reason. */
export interface ObjectStore {
  /** For people and references: `file:///srv/artifacts` or `s3://bucket/prefix`; never a credential. `<location>/<key>` is an object. */
  readonly location: string;
  /**
   * Stores under `key`; nobody sees it before it is whole and its SHA-256 is right, and it replaces what was there at once.
   * Goes on with what an interrupted `put` of the same bytes to the same key left behind.
   */
  put(key: string, source: Source, signal?: AbortSignal): Promise<void>;
  /** Throws `missing`. Whoever reads checks what arrives, `fetchFile` does. */
  get(key: string, range?: Range, signal?: AbortSignal): Promise<Readable>;
  head(key: string): Promise<StoredObject | undefined>;
  /** Whose keys begin with `prefix`, sorted by key. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Nothing there is fine. */
  delete(key: string): Promise<void>;
}

/**
 * `missing`: there is no such object. `damaged`: the bytes are not those of the SHA-256. `refused`: another try would end
 * alike, a person must mend something. `away`: worth another try.
 */
export type StoreFault = 'missing' | 'damaged' | 'refused' | 'away';

export class StoreProblem extends Error {
  constructor(
    readonly fault: StoreFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'StoreProblem';
  }
}

/** Parts of a key begin with a letter, digit or _ and go on with those and . - = + @ : nothing leads out of a directory. */
const KEY = /^[A-Za-z0-9_][A-Za-z0-9._=+@-]{0,199}(\/[A-Za-z0-9_][A-Za-z0-9._=+@-]{0,199})*$/;
/** Bytes: what S3 allows, less room for a prefix. */
const KEY_MAX = 800;

/** Throws StoreProblem `refused`. */
export function checkKey(key: string): string {
  if (key.length <= KEY_MAX && KEY.test(key)) return key;
  throw new StoreProblem(
    'refused',
    `${JSON.stringify(key.slice(0, 100))} cannot be a key: its parts, between /, begin with a letter, a digit or _ and hold those and . - = + @`,
  );
}
