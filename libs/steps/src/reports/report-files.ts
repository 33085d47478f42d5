/** The report files that a step left behind, by patterns such as `reports/**\/*.xml`. */
import { stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { glob } from 'tinyglobby';
import { openRegularFile } from '../files/regular-file.js';
import { insideWorkspace } from '../files/workspace-path.js';
import type { FinishedScript } from '../sandbox/executor.js';

const FILES_MAX = 1_000;
/** Bytes of one file, and of all: they are read while other jobs of the agent wait. */
const FILE_MAX = 10 * 1024 * 1024;
const ALL_MAX = 50 * 1024 * 1024;

export interface ReportFile {
  /** In the workspace. */
  path: string;
  text: string;
}

/**
 * Each file once, in order of their names. The folder before the first * or ? is what is copied out of a container.
 * `note` hears what cannot be read.
 */
export async function reportFiles(
  patterns: string[],
  workDir: string,
  finished: Pick<FinishedScript, 'collect'>,
  note: (text: string) => void,
): Promise<ReportFile[]> {
  const found = new Map<string, string>();
  for (const pattern of patterns) {
    const files = await filesOf(insideWorkspace(pattern, workDir), finished);
    if (files.size === 0) note(`no test report fits ${pattern}`);
    for (const [path, file] of files) found.set(path, file);
  }
  const read: ReportFile[] = [];
  let bytes = 0;
  for (const [path, file] of [...found].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (read.length === FILES_MAX || bytes > ALL_MAX) {
      note(`only ${read.length} of ${found.size} test reports are read: that is as much as fits`);
      break;
    }
    try {
      const text = await readWhole(file);
      bytes += text.length;
      read.push({ path, text });
    } catch (error) {
      note(`the test report ${path} is left out: ${(error as Error).message}`);
    }
  }
  return read;
}

/** Path in the workspace → path on this machine. */
async function filesOf(
  pattern: string,
  finished: Pick<FinishedScript, 'collect'>,
): Promise<Map<string, string>> {
  const parts = pattern.split('/');
  const first = parts.findIndex((part) => /[*?]/.test(part));
  const folder = first < 0 ? pattern : parts.slice(0, first).join('/') || '.';
  const root = await finished.collect(folder);
  if (root === undefined) return new Map();
  if (!(await stat(root)).isDirectory()) return new Map(first < 0 ? [[pattern, root]] : []);
  // A folder stands for the reports in it.
  const rest = first < 0 ? ['**', '*.xml'] : parts.slice(first);
  const names = await glob(rest.map(literal).join('/'), {
    cwd: root,
    dot: true,
    followSymbolicLinks: false,
    expandDirectories: false,
    ignore: ['**/node_modules/**', '**/.git/**'],
  });
  return new Map(names.map((name) => [posix.join(folder, name), join(root, name)]));
}

/** Only * and ? mean something. */
function literal(part: string): string {
  return part.replace(/[[\]{}()!+@|\\]/g, '\\$&');
}

async function readWhole(path: string): Promise<string> {
  const handle = await openRegularFile(path);
  try {
    const { size } = await handle.stat();
    if (size > FILE_MAX) throw new Error(`it has more than ${FILE_MAX} bytes`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
