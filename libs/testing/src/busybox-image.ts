/** A tiny image made of this machine's static busybox: tests of containers need no registry. */
import Docker from 'dockerode';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';

const BUSYBOX = '/usr/bin/busybox';

/** The engine, or why there can be no test with containers here. */
export async function engineForTests(): Promise<{ engine: Docker } | { reason: string }> {
  try {
    const engine = new Docker();
    await engine.ping();
    if (!existsSync(BUSYBOX)) return { reason: `${BUSYBOX} is missing: apt-get install busybox-static` };
    return { engine };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

/** Imports the image under a name of its own; answers the name. */
export async function importBusybox(engine: Docker): Promise<string> {
  const tar = pack();
  tar.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync(BUSYBOX));
  for (const applet of execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (applet !== 'busybox') tar.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' });
  }
  tar.entry({ name: 'tmp', type: 'directory', mode: 0o1777 });
  tar.entry({ name: 'etc/passwd', mode: 0o644 }, 'root:x:0:0:root:/root:/bin/sh\n');
  tar.finalize();
  const repo = `hybrid-test-${process.pid}`;
  const progress = await engine.importImage(Readable.from(tar as AsyncIterable<Buffer>), {
    repo,
    tag: 'busybox',
  });
  await new Promise((resolve, reject) => {
    engine.modem.followProgress(progress, (error, output) => (error ? reject(error) : resolve(output)));
  });
  return `${repo}:busybox`;
}
