/** flawfinder, a scanner in pure Python, from Debian's package: unpacked once beside the checkout's dependencies. */
import { findProgram, unpackDebianPackage, workspaceRoot } from '@hybrid/servers';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';

/** The environment in which `flawfinder` is found, or why there is none. */
export async function findFlawfinder(): Promise<{ env: Record<string, string> } | { reason: string }> {
  if (!findProgram('python3')) return { reason: 'python3 is missing' };
  if (findProgram('flawfinder')) return { env: {} };
  const cache = join(workspaceRoot(), 'node_modules', '.cache', 'hybrid');
  const folder = join(cache, 'flawfinder');
  if (!existsSync(folder)) {
    if (!findProgram('apt-get') || !findProgram('dpkg-deb')) return { reason: 'flawfinder is missing' };
    try {
      await unpackDebianPackage('flawfinder', cache, (unpacked) => rename(join(unpacked, 'usr'), folder));
    } catch (error) {
      // Another spec may have been faster.
      if (!existsSync(folder)) return { reason: `flawfinder cannot be fetched: ${(error as Error).message}` };
    }
  }
  return {
    env: {
      PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
      PYTHONPATH: join(folder, 'lib', 'python3', 'dist-packages'),
    },
  };
}
