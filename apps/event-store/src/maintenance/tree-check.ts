/**
 * Walks every tree of an LMDB file: each page is in one place only, whole, no newer than the snapshot, and its keys
 * are where a search looks for them. What passes can be read through LMDB without danger.
 */
import {
  NODE,
  NODE_HEADER,
  PAGE,
  PAGE_HEADER,
  readNumber,
  readTree,
  TREE_BYTES,
  type Meta,
  type PageFile,
  type Tree,
} from './page-file.js';
import type { Findings } from './findings.js';

/** LMDB allows 32. */
const MAX_DEPTH = 32;

export interface TreeReport {
  /** By the name of the table. */
  entries: Map<string, number>;
  /** The record in the table 'counters', if it is there. */
  counters: Buffer | undefined;
  pages: number;
}

/** Walks the snapshot `meta`, which must not be overwritten meanwhile, and adds what is bad to `findings`. */
export function checkTrees(file: PageFile, meta: Meta, findings: Findings): TreeReport {
  return new TreeCheck(file, meta, findings).run();
}

/** The tables that the main tree names, without a look at what is in them. */
export function checkTables(file: PageFile, meta: Meta, findings: Findings): Map<string, Tree> {
  return new TreeCheck(file, meta, findings).tables();
}

interface Node {
  key: Buffer;
  flags: number;
  page: Buffer;
  /** Where the value starts in the page. */
  at: number;
  size: number;
}

interface Walk {
  tree: Tree;
  name: string;
  compare(left: Buffer, right: Buffer): number;
  leaf(node: Node): void;
  seen: { branch: number; leaf: number; overflow: number; entries: number };
}

class TreeCheck {
  private readonly used: Uint8Array;
  /** One buffer a level: nodes stay readable while the levels below are walked. */
  private readonly buffers: Buffer[] = [];

  constructor(
    private readonly file: PageFile,
    private readonly meta: Meta,
    private readonly findings: Findings,
  ) {
    // A bit for each page; a last page beyond the file is no reason to ask for its memory.
    const pages = Math.min(meta.lastPage + 1, Math.ceil(file.size / file.pageSize));
    this.used = new Uint8Array(Math.ceil(pages / 8));
  }

  run(): TreeReport {
    const { meta } = this;
    const trees = this.tables();
    let counters: Buffer | undefined;
    for (const [name, tree] of trees)
      this.walk(`table '${name}'`, tree, Buffer.compare, ({ page, at, size }) => {
        if (name === 'counters') counters = Buffer.from(page.subarray(at, at + size));
      });
    this.walk('the free pages', meta.free, compareNumbers, (node) => this.claimFree(node));
    return {
      entries: new Map([...trees].map(([name, tree]) => [name, tree.entries])),
      counters,
      pages: meta.lastPage + 1,
    };
  }

  tables(): Map<string, Tree> {
    const trees = new Map<string, Tree>();
    this.claim(0, 'the first meta page');
    this.claim(1, 'the second meta page');
    this.walk('the tables', this.meta.main, Buffer.compare, (node) => {
      const name = node.key.toString('utf8').replace(/\0+$/, '');
      if (node.flags !== NODE.tree || node.size !== TREE_BYTES) this.findings.add(`'${name}' is no table`);
      else trees.set(name, readTree(node.page, node.at));
    });
    return trees;
  }

  private walk(name: string, tree: Tree, compare: Walk['compare'], leaf: Walk['leaf']): void {
    const seen = { branch: 0, leaf: 0, overflow: 0, entries: 0 };
    if (tree.depth > MAX_DEPTH) {
      this.findings.add(`${name}: a depth of ${tree.depth}`);
      return;
    }
    if (tree.root !== undefined) this.page({ name, tree, compare, leaf, seen }, tree.root, 1);
    const { branchPages, leafPages, overflowPages, entries } = tree;
    const agree =
      seen.branch === branchPages &&
      seen.leaf === leafPages &&
      seen.overflow === overflowPages &&
      seen.entries === entries;
    if (!agree)
      this.findings.add(
        `${name}: ${entries} entries in ${branchPages} + ${leafPages} + ${overflowPages} pages were recorded, ` +
          `${seen.entries} in ${seen.branch} + ${seen.leaf} + ${seen.overflow} are there`,
      );
  }

  private page(walk: Walk, number: number, level: number, low?: Buffer, high?: Buffer): void {
    const where = `${walk.name}: page ${number}`;
    const page = (this.buffers[level] ??= Buffer.alloc(this.file.pageSize));
    const isLeaf = level === walk.tree.depth;
    if (!this.claim(number, where)) return;
    if (!this.file.read(number, page)) return this.findings.add(`${where} is beyond the end of the file`);
    const wrong = this.headerFault(page, number, isLeaf ? PAGE.leaf : PAGE.branch);
    if (wrong) return this.findings.add(`${where} ${wrong}`);
    const nodes = readNodes(page, isLeaf);
    if (!nodes) return this.findings.add(`${where} has entries that do not fit`);
    const first = isLeaf ? 0 : 1;
    for (let index = first; index < nodes.length; index++) {
      const key = nodes[index]!.key;
      const before = index > first ? nodes[index - 1]!.key : low;
      const inOrder =
        (!before || walk.compare(before, key) < (index === first ? 1 : 0)) &&
        (!high || walk.compare(key, high) < 0);
      if (!inOrder) return this.findings.add(`${where} has keys out of order`);
    }
    if (isLeaf) {
      walk.seen.leaf++;
      walk.seen.entries += nodes.length;
      for (const node of nodes) this.entry(walk, node, where);
      return;
    }
    walk.seen.branch++;
    nodes.forEach((node, index) =>
      this.page(walk, node.size, level + 1, index > 0 ? node.key : low, nodes[index + 1]?.key ?? high),
    );
  }

  private entry(walk: Walk, node: Node, where: string): void {
    if (node.flags !== NODE.overflow) {
      if (node.flags !== NODE.value && node.flags !== NODE.tree)
        this.findings.add(`${where} has an entry of unknown kind`);
      else walk.leaf(node);
      return;
    }
    const number = readNumber(node.page, node.at);
    const header = Buffer.alloc(this.file.pageSize);
    const pages = Math.floor((PAGE_HEADER - 1 + node.size) / this.file.pageSize) + 1;
    const place = `${where}: overflow page ${number}`;
    for (let extra = 0; extra < pages; extra++) if (!this.claim(number + extra, place)) return;
    if (!this.file.read(number, header)) return this.findings.add(`${place} is beyond the end of the file`);
    const fits =
      readNumber(header, 0) === number &&
      (header.readUInt16LE(18) & 0xff) === PAGE.overflow &&
      readNumber(header, 8) <= this.meta.transaction &&
      header.readUInt32LE(20) >= pages;
    if (!fits) return this.findings.add(`${place} is not what the entry says`);
    for (let extra = pages; extra < header.readUInt32LE(20); extra++)
      if (!this.claim(number + extra, place)) return;
    walk.seen.overflow += header.readUInt32LE(20);
    if (walk.name === 'the free pages') walk.leaf(this.overflowValue(node, number, pages));
  }

  private overflowValue(node: Node, number: number, pages: number): Node {
    const bytes = Buffer.alloc(pages * this.file.pageSize);
    for (let index = 0; index < pages; index++)
      this.file.read(
        number + index,
        bytes.subarray(index * this.file.pageSize, (index + 1) * this.file.pageSize),
      );
    return { ...node, page: bytes, at: PAGE_HEADER };
  }

  /** A record of free pages: a count, then page numbers; one below zero is a length and the next its first page. */
  private claimFree({ key, page, at, size }: Node): void {
    const where = `free pages of transaction ${readNumber(key, 0)}`;
    const count = size >= 8 ? readNumber(page, at) : -1;
    if (count < 0 || (count + 1) * 8 > size) return this.findings.add(`${where}: the list does not fit`);
    for (let index = 1; index <= count; index++) {
      const entry = page.readBigInt64LE(at + index * 8);
      if (entry === 0n) continue;
      const length = entry < 0n ? Number(-entry) : 1;
      const first = entry < 0n && index < count ? readNumber(page, at + ++index * 8) : Number(entry);
      if (length > this.meta.lastPage) return this.findings.add(`${where}: ${length} pages in a row`);
      for (let extra = 0; extra < length; extra++) if (!this.claim(first + extra, where, true)) return;
    }
  }

  private headerFault(page: Buffer, number: number, kind: number): string | undefined {
    if (readNumber(page, 0) !== number) return `says that it is page ${readNumber(page, 0)}`;
    if ((page.readUInt16LE(18) & 0xff) !== kind) return 'is of another kind';
    if (readNumber(page, 8) > this.meta.transaction) return 'is newer than the store';
    return undefined;
  }

  /** Notes that the page is in use; false, and a finding, if it cannot be. */
  private claim(number: number, where: string, free = false): boolean {
    if (!Number.isSafeInteger(number) || number < 0 || number > this.meta.lastPage) {
      this.findings.add(`${where}: there is no page ${number}`);
      return false;
    }
    const byte = number >>> 3;
    // Free pages at the end need not be in the file.
    if (byte >= this.used.length) {
      if (!free) this.findings.add(`${where} is beyond the end of the file`);
      return free;
    }
    const bit = 1 << (number & 7);
    if (this.used[byte]! & bit) {
      this.findings.add(`${where}: page ${number} has two uses`);
      return false;
    }
    this.used[byte]! |= bit;
    return true;
  }
}

/** The entries of a page, or nothing if they overlap or leave it. On a branch `size` is the page below. */
function readNodes(page: Buffer, isLeaf: boolean): Node[] | undefined {
  const room = page.length - PAGE_HEADER;
  const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
  if (lower % 2 !== 0 || lower === 0 || lower > upper || upper > room) return undefined;
  const nodes: Node[] = [];
  let taken = 0;
  for (let slot = PAGE_HEADER; slot < PAGE_HEADER + lower; slot += 2) {
    const at = page.readUInt16LE(slot) + PAGE_HEADER;
    if (at % 2 !== 0 || at < upper + PAGE_HEADER || at + NODE_HEADER > page.length) return undefined;
    const size = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 2 ** 16;
    const flags = page.readUInt16LE(at + 4);
    const keySize = page.readUInt16LE(at + 6);
    const value = at + NODE_HEADER + keySize;
    const stored = !isLeaf ? 0 : flags & NODE.overflow ? NODE_HEADER * 3 : size;
    if (value + stored > page.length) return undefined;
    taken += NODE_HEADER + keySize + stored;
    taken += taken % 2;
    nodes.push({
      key: page.subarray(at + NODE_HEADER, value),
      flags,
      page,
      at: value,
      size: isLeaf ? size : size + flags * 2 ** 32,
    });
  }
  return taken === room - upper ? nodes : undefined;
}

/** Keys of the free pages are numbers. */
function compareNumbers(left: Buffer, right: Buffer): number {
  if (left.length !== 8 || right.length !== 8) return 1;
  return readNumber(left, 0) - readNumber(right, 0);
}
