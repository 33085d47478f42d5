/**
 * A base image for infra/Dockerfile made of what this machine has: busybox, node with its libraries, npm, CA certificates.
 * For machines that reach npm but no image registry.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const BUSYBOX = '/usr/bin/busybox';
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** Why the image cannot be made here, or nothing. */
export function whyNoBaseImage(): string | undefined {
  if (process.platform !== 'linux') return 'the image is made of Linux programs';
  if (!existsSync(BUSYBOX)) return `${BUSYBOX} is missing: apt-get install busybox-static`;
  return undefined;
}

/** Imports the image as `name`. */
export function importNodeBaseImage(docker: string, name: string): void {
  const root = mkdtempSync(join(tmpdir(), 'hybrid-base-'));
  try {
    fillRoot(root);
    const changes = [
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      `ENV NODE_EXTRA_CA_CERTS=${CERTIFICATES}`,
      'CMD ["sh"]',
    ];
    const archive = join(root, '..', `${root.split('/').pop()}.tar`);
    try {
      execFileSync('tar', ['-C', root, '-cf', archive, '.']);
      execFileSync(docker, ['import', ...changes.flatMap((change) => ['--change', change]), archive, name], {
        stdio: 'pipe',
      });
    } finally {
      rmSync(archive, { force: true });
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function fillRoot(root: string): void {
  for (const folder of [
    'bin',
    'usr/bin',
    'usr/local/bin',
    'usr/local/lib/node_modules',
    'etc',
    'root',
    'tmp',
  ]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  execFileSync('chmod', ['1777', join(root, 'tmp')]);
  copy(BUSYBOX, root, '/bin/busybox');
  for (const applet of execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
  }
  symlinkSync('/bin/env', join(root, 'usr/bin/env'));

  copy(process.execPath, root, '/usr/local/bin/node');
  for (const library of librariesOf(process.execPath)) copy(library, root);
  const npm = join(execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim(), 'npm');
  cpSync(realpathSync(npm), join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  for (const program of ['npm', 'npx']) {
    symlinkSync(`../lib/node_modules/npm/bin/${program}-cli.js`, join(root, 'usr/local/bin', program));
  }

  if (existsSync(CERTIFICATES)) copy(CERTIFICATES, root);
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:node:/data:/bin/sh\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n');
  writeFileSync(join(root, 'root/.npmrc'), npmSettings());
}

/** Also those that packages with native code need. */
function librariesOf(program: string): string[] {
  const needed = [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(
    (match) => match[1] ?? '',
  );
  const known = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  const extra = [
    'libgcc_s.so.1',
    'libstdc++.so.6',
    'libpthread.so.0',
    'libdl.so.2',
    'librt.so.1',
    'libutil.so.1',
    'libresolv.so.2',
    'libm.so.6',
  ].map((name) =>
    new RegExp(
      `^\\s+${name.replace(/[.+]/g, '\\$&')} .*x86-64.* => (\\S+)$|^\\s+${name.replace(/[.+]/g, '\\$&')} .* => (\\S+)$`,
      'm',
    ).exec(known),
  );
  return [...new Set([...needed, ...extra.flatMap((match) => match?.[1] ?? match?.[2] ?? [])])];
}

/** How this machine reaches its registry; never a password. */
function npmSettings(): string {
  const file = join(homedir(), '.npmrc');
  if (!existsSync(file)) return '';
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => !/auth|token|password|username|email|cert|key/i.test(line)).join('\n');
}

function copy(from: string, root: string, to = from): void {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  cpSync(realpathSync(from), join(root, to));
}
