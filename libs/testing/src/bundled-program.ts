/** A program of a spec's own, bundled so that it can run, and be killed, as a process of its own. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = resolve(fileURLToPath(new URL('../../..', import.meta.url)));

/** The bundler is native code that does not run within jest. */
const BUNDLE = `
  import { bundle } from './tools/build.mjs';
  const [program, dir] = process.argv.slice(1);
  await bundle({ program }, dir);
`;

export interface BundledProgram {
  /** Of the program, for `node`. */
  path: string;
  remove(): Promise<void>;
}

/** Bundles a source file, named from the root of the workspace. It lies in `dist`, so that it finds its packages. */
export async function bundleProgram(source: string): Promise<BundledProgram> {
  const directory = await mkdtemp(join(root, 'dist', 'spec-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const args = ['--input-type=module', '-e', BUNDLE, source, directory];
    await promisify(execFile)(process.execPath, args, { cwd: root });
  } catch (error) {
    await remove();
    throw error;
  }
  return { path: join(directory, 'program.js'), remove };
}
