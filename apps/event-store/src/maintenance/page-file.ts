/**
 * LMDB's file as the lmdb package 3.5 writes it, read without LMDB: LMDB trusts every page, so a flipped bit in one
 * can end the process that reads it. Nothing here follows a number that it has not checked.
 *
 * The file is pages of one size. Pages 0 and 1 are metas: transaction N writes meta N % 2, and the newer one counts.
 * Numbers are little endian. Page: number u64, transaction u64, pad u16, flags u16, then lower and upper u16 (offsets
 * behind the header) or a count of overflow pages u32, then the offsets of the nodes u16 each.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

export const PAGE_HEADER = 24;
export const NODE_HEADER = 8;
export const PAGE = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08 } as const;
export const NODE = { value: 0, overflow: 0x01, tree: 0x02 } as const;
/** The root of a tree without entries. */
const NO_ROOT = 2 ** 64;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const META_BYTES = PAGE_HEADER + 144;
/** A server writes one in a fraction of a millisecond at most every other. */
const META_ATTEMPTS = 10_000;

/** The file is no store of ours, or its first pages are damaged; the message says what is wrong. */
export class PageFileError extends Error {
  override readonly name = 'PageFileError';
}

/** What LMDB records of one tree. */
export interface Tree {
  depth: number;
  branchPages: number;
  leafPages: number;
  overflowPages: number;
  entries: number;
  /** Page number, or undefined when the tree has no entries. */
  root: number | undefined;
}

export interface Meta {
  transaction: number;
  lastPage: number;
  free: Tree;
  main: Tree;
}

export const TREE_BYTES = 48;

export function readTree(bytes: Buffer, at: number): Tree {
  const root = readNumber(bytes, at + 40);
  return {
    depth: bytes.readUInt16LE(at + 6),
    branchPages: readNumber(bytes, at + 8),
    leafPages: readNumber(bytes, at + 16),
    overflowPages: readNumber(bytes, at + 24),
    entries: readNumber(bytes, at + 32),
    root: root === NO_ROOT ? undefined : root,
  };
}

/** A u64; exact below 2^53, which no true count or page number reaches. */
export function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

export class PageFile {
  private constructor(
    private readonly handle: number,
    readonly path: string,
    readonly pageSize: number,
  ) {}

  /** Opens for reading only. Throws PageFileError, or the system's error when the file cannot be opened. */
  static open(path: string): PageFile {
    if (endianness() !== 'LE')
      throw new PageFileError(`${path} can be checked on little-endian machines only`);
    const handle = openSync(path, 'r');
    try {
      const head = Buffer.alloc(META_BYTES);
      if (readSync(handle, head, 0, head.length, 0) < head.length)
        throw new PageFileError(`${path} is too short: ${fstatSync(handle).size} bytes`);
      const pageSize = head.readUInt32LE(PAGE_HEADER + 24);
      if (![4096, 8192, 16384, 32768, 65536].includes(pageSize))
        throw new PageFileError(`${path} has a page size of ${pageSize} bytes`);
      return new PageFile(handle, path, pageSize);
    } catch (error) {
      closeSync(handle);
      throw error;
    }
  }

  /** Bytes. */
  get size(): number {
    return fstatSync(this.handle).size;
  }

  /** Both metas as they were at one moment, the one that counts first. Throws PageFileError. */
  metas(): [Meta, Meta] {
    let pages = this.metaPages();
    for (let attempt = 0; attempt < META_ATTEMPTS; attempt++) {
      const again = this.metaPages();
      if (again.equals(pages)) break;
      pages = again;
    }
    const zero = this.meta(0, pages.subarray(0, this.pageSize));
    const one = this.meta(1, pages.subarray(this.pageSize));
    return zero.transaction > one.transaction ? [zero, one] : [one, zero];
  }

  /** Reads page `number` into `page`, which has the size of a page; false if the file ends before its end. */
  read(number: number, page: Buffer): boolean {
    return readSync(this.handle, page, 0, this.pageSize, number * this.pageSize) === this.pageSize;
  }

  close(): void {
    closeSync(this.handle);
  }

  /** Fewer bytes than two pages if the file ends before. */
  private metaPages(): Buffer {
    const pages = Buffer.alloc(2 * this.pageSize);
    return pages.subarray(0, readSync(this.handle, pages, 0, pages.length, 0));
  }

  private meta(number: 0 | 1, bytes: Buffer): Meta {
    const say = (what: string) => new PageFileError(`${this.path}: meta page ${number} ${what}`);
    if (bytes.length < this.pageSize) throw say('is cut off');
    const field = (offset: number) => PAGE_HEADER + offset;
    if (readNumber(bytes, 0) !== number || bytes.readUInt16LE(18) !== PAGE.meta) throw say('is none');
    if (bytes.readUInt32LE(field(0)) !== MAGIC) throw say('does not begin as one of LMDB');
    if (bytes.readUInt32LE(field(4)) !== VERSION) throw say(`has format ${bytes.readUInt32LE(field(4))}`);
    if (bytes.readUInt32LE(field(24)) !== this.pageSize) throw say('has another page size');
    const transaction = readNumber(bytes, field(128));
    if (transaction !== 0 && transaction % 2 !== number) throw say(`is of transaction ${transaction}`);
    return {
      transaction,
      lastPage: readNumber(bytes, field(120)),
      free: readTree(bytes, field(24)),
      main: readTree(bytes, field(72)),
    };
  }
}
