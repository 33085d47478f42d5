/**
 * The first look at a store's file, before LMDB opens it for writing: with damaged first pages LMDB would fall back to
 * an older snapshot, or make new, empty tables beside the lost ones.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DamagedStoreError } from '../store/store-errors.js';
import { Findings } from './findings.js';
import { PAGE, PageFile, PageFileError, readNumber, type Meta, type Tree } from './page-file.js';
import { checkTables } from './tree-check.js';

export const DATA_FILE = 'data.mdb';
/** Where a restore works; left behind, it was interrupted. */
export const RESTORING = 'restoring';
/** A power cut while the store is made can leave a file without its first pages; no event is in one so small. */
const NEW_STORE_BYTES = 16 * 1024;
const TABLES = ['log', 'index', 'ids', 'streams', 'counters'];
const ATTEMPTS = 10_000;

/**
 * Entries by table, as recorded, or undefined when there is no store yet. Reads a handful of pages.
 * Throws DamagedStoreError.
 */
export function checkHead(directory: string): Map<string, number> | undefined {
  if (existsSync(join(directory, RESTORING)))
    throw new DamagedStoreError(directory, [
      'a restore was interrupted: empty the directory and restore again',
    ]);
  const path = join(directory, DATA_FILE);
  // LMDB makes the file and fills it in two steps.
  if (!existsSync(path) || statSync(path).size === 0) return undefined;
  try {
    const file = PageFile.open(path);
    try {
      return headOf(file, directory);
    } finally {
      file.close();
    }
  } catch (cause) {
    if (!(cause instanceof PageFileError)) throw cause;
    const hint = statSync(path).size > NEW_STORE_BYTES ? [] : [`if it was never served, remove ${path}`];
    throw new DamagedStoreError(directory, [cause.message, ...hint], { cause });
  }
}

/**
 * What looks bad counts only if nothing was committed while it was looked at: a server may have used the pages again.
 * LMDB leaves those of the newest snapshot alone until it has committed another.
 */
function headOf(file: PageFile, directory: string): Map<string, number> | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const metas = file.metas();
    try {
      return headAt(file, directory, metas);
    } catch (error) {
      if (!(error instanceof DamagedStoreError)) throw error;
      if (file.metas()[0].transaction === metas[0].transaction) throw error;
    }
  }
  throw new Error(
    `Found no moment without a commit in ${ATTEMPTS} attempts; try again when less is written.`,
  );
}

function headAt(
  file: PageFile,
  directory: string,
  [meta, older]: [Meta, Meta],
): Map<string, number> | undefined {
  const findings = new Findings();
  // A compacted copy starts with one empty meta.
  if (older.transaction !== 0 && older.transaction !== meta.transaction - 1)
    findings.add(`its two meta pages are of transactions ${older.transaction} and ${meta.transaction}`);
  if (meta.main.root === undefined && meta.transaction === 0) return undefined;
  const tables = checkTables(file, meta, findings);
  checkRoot(file, meta, 'the tables', meta.main, findings, older.transaction !== 0);
  checkRoot(file, meta, 'the free pages', meta.free, findings);
  for (const [name, tree] of tables) checkRoot(file, meta, `table '${name}'`, tree, findings);
  // The first start makes one table after the other, and the first append writes to all of them.
  const lost = TABLES.filter((name) => !tables.has(name));
  if (lost.length > 0 && [...tables.values()].some(({ entries }) => entries > 0))
    findings.add(`table '${lost.join("', '")}' is missing`);
  if (findings.count > 0) throw new DamagedStoreError(directory, findings.named);
  const counters = tables.get('counters')?.entries ?? 0;
  const log = tables.get('log')?.entries ?? 0;
  if (counters !== Math.min(log, 1))
    throw new DamagedStoreError(directory, [
      `${log} events are in the log, and ${counters} record counts them`,
    ]);
  return counters === 0 ? undefined : new Map([...tables].map(([name, tree]) => [name, tree.entries]));
}

function checkRoot(
  file: PageFile,
  meta: Meta,
  name: string,
  tree: Tree,
  findings: Findings,
  newest = false,
): void {
  if (tree.root === undefined) {
    if (tree.entries > 0) findings.add(`${name}: ${tree.entries} entries were recorded, none is there`);
    return;
  }
  const page = Buffer.alloc(file.pageSize);
  const kind = tree.depth === 1 ? PAGE.leaf : PAGE.branch;
  const sound =
    tree.root <= meta.lastPage &&
    file.read(tree.root, page) &&
    readNumber(page, 0) === tree.root &&
    (page.readUInt16LE(18) & 0xff) === kind &&
    // Every transaction writes the root of the tables anew, and only a compact copy keeps the number of an older one.
    (newest ? readNumber(page, 8) === meta.transaction : readNumber(page, 8) <= meta.transaction);
  if (!sound) findings.add(`${name}: page ${tree.root} is not their root`);
}
