/** PostgreSQL refuses to run as root: which user it runs as instead, and how that user reaches its files. */
import { execFile } from 'node:child_process';
import { chmod, chown, readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findProgram } from './programs.js';
import type { ProcessIdentity } from './process.js';

/**
 * The identity for PostgreSQL's processes; `undefined` when this process is not root and may start it as itself.
 * `directory` is opened for that user to pass through (not to list). Of an existing cluster the owner is kept.
 */
export async function postgresIdentity(
  directory: string,
  cluster: string,
  programs: string[],
): Promise<ProcessIdentity | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(cluster).catch(() => undefined);
  const identity = owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : await unprivilegedUser();
  await chmod(directory, 0o711);
  if (await canReach(identity, [directory, ...programs])) return identity;
  // A checkout below /root or a private temporary directory: PostgreSQL may pass through, but owns only its own files.
  return { ...identity, capabilities: [await capabilityToPassThrough(directory)] };
}

/** The machine's `postgres` if there is one, else `nobody`: no user is added to the machine. */
async function unprivilegedUser(): Promise<ProcessIdentity> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const entry = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody');
  if (!entry) {
    throw new Error(
      'PostgreSQL refuses to run as root, and this machine has no user `postgres` or `nobody`: add one (useradd --system postgres)',
    );
  }
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

async function canReach({ uid, gid }: ProcessIdentity, paths: string[]): Promise<boolean> {
  const test = paths.map((_, index) => `[ -x "$${index + 1}" ]`).join(' && ');
  try {
    await promisify(execFile)('/bin/sh', ['-c', test, 'sh', ...paths], { uid, gid, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}

async function capabilityToPassThrough(directory: string): Promise<string> {
  const remedy = `move the checkout and HYBRID_DATA to a place that every user may pass through, such as /srv, or start as another user than root`;
  if (!findProgram('setpriv')) {
    throw new Error(
      `PostgreSQL runs as another user than root, who cannot reach ${directory} or its programs: ${remedy}`,
    );
  }
  const status = await readFile('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  // Bits from linux/capability.h. The narrower one first; container engines give root only the wider one.
  if (effective & (1n << 2n)) return 'dac_read_search';
  if (effective & (1n << 1n)) return 'dac_override';
  throw new Error(
    `PostgreSQL runs as another user than root, who cannot reach ${directory} or its programs: ${remedy}`,
  );
}

/** Gives a file or directory to the identity, if there is one. */
export async function giveTo(identity: ProcessIdentity | undefined, path: string): Promise<void> {
  if (identity) await chown(path, identity.uid, identity.gid);
}
