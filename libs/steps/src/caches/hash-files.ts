/** `{{hashFiles "package-lock.json" "apps/*\/package.json"}}` in the key of a cache: one digest over those files' contents. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { glob } from 'tinyglobby';
import { StepProblem } from '../step.js';

const CALL = /\{\{\s*hashFiles((?:\s+(?:"[^"]*"|'[^']*'))+)\s*\}\}/g;
const ARGUMENT = /"([^"]*)"|'([^']*)'/g;

/** Puts digests in. `note` hears of globs that match nothing. Throws StepProblem for a glob that leads out of the workspace. */
export async function withFileHashes(
  text: string,
  workspace: string,
  note: (text: string) => void,
): Promise<string> {
  let result = '';
  let end = 0;
  for (const call of text.matchAll(CALL)) {
    const globs = [...(call[1] ?? '').matchAll(ARGUMENT)].map(([, double, single]) => double ?? single ?? '');
    result += text.slice(end, call.index) + (await hashFiles(globs, workspace, note));
    end = call.index + call[0].length;
  }
  return result + text.slice(end);
}

/** Of names and contents, sorted by name: 64 hex digits, also where no file matches. */
async function hashFiles(globs: string[], workspace: string, note: (text: string) => void): Promise<string> {
  for (const one of globs)
    if (one.startsWith('/') || one.split('/').includes('..'))
      throw new StepProblem(`hashFiles "${one}" leads out of the workspace: name files in it`);
  const found = await glob(globs, {
    cwd: workspace,
    dot: true,
    followSymbolicLinks: false,
    expandDirectories: false,
  });
  const hash = createHash('sha256');
  let files = 0;
  for (const name of found.sort()) {
    // What a link leads to may lie anywhere.
    if (!(await lstat(join(workspace, name))).isFile()) continue;
    hash.update(`${name}\0${await contentHash(join(workspace, name))}\n`);
    files++;
  }
  if (files === 0) note(`hashFiles: no file in the workspace matches ${globs.join(' ')}`);
  return hash.digest('hex');
}

async function contentHash(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
