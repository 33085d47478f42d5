/** Paths as pipelines write them, relative to a workspace that lies elsewhere on this machine. */
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { StepProblem } from '../step.js';

export const DEFAULT_WORK_DIR = '/workspace';

/**
 * `path` relative to the workspace, normalised, with `/`; the workspace itself is `.`.
 * Absolute paths must lie under `workDir`. Throws StepProblem for a path outside.
 */
export function insideWorkspace(path: string, workDir: string): string {
  if (path.includes('\0')) throw new StepProblem(`the path ${JSON.stringify(path)} holds a NUL character`);
  const root = posix.resolve('/', workDir);
  const absolute = posix.resolve(root, path);
  if (absolute !== root && !absolute.startsWith(root === '/' ? '/' : `${root}/`)) {
    throw new StepProblem(`the path ${path} lies outside the workspace ${workDir}: use one inside it`);
  }
  return posix.relative(root, absolute) || '.';
}

/** Makes the folder `relative` below `root`, without following a link out of it; answers its absolute path. */
export async function makeFolderInside(root: string, relative: string): Promise<string> {
  let folder = root;
  for (const part of relative.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') throw new StepProblem(`the path ${relative} leaves its folder`);
    folder = join(folder, part);
    const there = await lstat(folder).catch(ifMissing);
    if (!there) await mkdir(folder);
    else if (!there.isDirectory()) {
      throw new StepProblem(
        `${relative} cannot be written: ${part} is ${there.isSymbolicLink() ? 'a link' : 'a file'}, not a folder`,
      );
    }
  }
  return folder;
}

/** Absolute path of something that is there, after links; throws StepProblem when they lead out of `root`, answers nothing when it is missing. */
export async function existingInside(root: string, relative: string): Promise<string | undefined> {
  const real = await realpath(join(root, relative)).catch(ifMissing);
  if (real === undefined) return undefined;
  const realRoot = await realpath(root);
  if (real !== realRoot && !real.startsWith(realRoot + sep)) {
    throw new StepProblem(`the path ${relative} is a link out of the workspace`);
  }
  return real;
}

export function ifMissing(error: unknown): undefined {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}
