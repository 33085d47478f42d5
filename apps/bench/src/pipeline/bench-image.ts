/** An image for steps in containers, made of this machine's static busybox: no registry is needed. */
import { findProgram } from '@hybrid/servers';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from '../queue/cleanup.js';

const BUSYBOX = '/bin/busybox';

export const NO_DOCKER =
  'no Docker engine, or no static busybox, on this machine: steps in containers are left out (Debian, Ubuntu: apt-get install docker.io busybox-static)';

/** The image's name; null where it can't be had. */
export function makeImage(directory: string, cleanup: Cleanup): string | null {
  const docker = findProgram('docker');
  if (!docker || !existsSync(BUSYBOX)) return null;
  const name = `hybrid-bench-${process.pid}`;
  const root = join(directory, 'image');
  try {
    mkdirSync(join(root, 'bin'), { recursive: true });
    copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
    for (const applet of execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).trim().split('\n'))
      if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
    const archive = join(directory, 'image.tar');
    execFileSync('tar', ['-C', root, '-cf', archive, '.']);
    execFileSync(docker, ['import', archive, name], { stdio: 'pipe' });
    rmSync(archive);
  } catch {
    return null;
  }
  cleanup.add(async () => void execFileSync(docker, ['rmi', '--force', name], { stdio: 'pipe' }));
  return name;
}
