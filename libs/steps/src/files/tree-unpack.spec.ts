import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, type Header } from 'tar-stream';
import { packTree } from './tree-archive.js';
import { linkStaysInside } from './tree-links.js';
import { unpackTree } from './tree-unpack.js';

/** A tar as an attacker would make it. */
function archive(...entries: (Partial<Header> & { name: string; text?: string })[]): AsyncIterable<Buffer> {
  const tar = pack();
  for (const { text, ...header } of entries) tar.entry(header, text ?? '');
  tar.finalize();
  return tar as AsyncIterable<Buffer>;
}

describe('folders as tar', () => {
  let home: string;
  let root: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'hybrid-tree-'));
    root = join(home, 'root');
    await mkdir(root);
  });
  afterEach(() => rm(home, { recursive: true }));

  async function sample(folder: string): Promise<void> {
    await mkdir(join(folder, 'sub/empty'), { recursive: true });
    await writeFile(join(folder, 'b.txt'), 'bb');
    await writeFile(join(folder, 'sub/run.sh'), '#!/bin/sh\n');
    await chmod(join(folder, 'sub/run.sh'), 0o755);
    await writeFile(join(folder, 'none'), '');
    await writeFile(join(folder, 'big'), Buffer.alloc(3_000_000, 7));
    await symlink('../b.txt', join(folder, 'sub/link'));
    await writeFile(join(folder, `${'n'.repeat(120)}é`), 'long name');
  }

  async function digest(folder: string): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of packTree(folder, { outsideLinks: 'refuse' })) hash.update(chunk);
    return hash.digest('hex');
  }

  it('brings a tree back as it was', async () => {
    const from = join(home, 'from');
    await sample(from);
    await unpackTree(packTree(from, { outsideLinks: 'refuse' }), root);
    expect(await readdir(root)).toEqual(await readdir(from));
    expect(await readFile(join(root, 'sub/link'), 'utf8')).toBe('bb');
    expect((await readFile(join(root, 'big'))).equals(Buffer.alloc(3_000_000, 7))).toBe(true);
    expect((await stat(join(root, 'sub/run.sh'))).mode & 0o777).toBe(0o755);
    expect(await readdir(join(root, 'sub/empty'))).toEqual([]);
  });

  it('gives the same bytes for the same tree', async () => {
    const [one, two] = [join(home, 'one'), join(home, 'two')];
    await sample(one);
    await sample(two);
    await utimes(join(two, 'b.txt'), 1, 1);
    expect(await digest(one)).toBe(await digest(two));
    await writeFile(join(two, 'b.txt'), 'bc');
    expect(await digest(one)).not.toBe(await digest(two));
  });

  it('refuses to pack a link out of the tree', async () => {
    await symlink('/etc/passwd', join(root, 'link'));
    await expect(digest(root)).rejects.toThrow(/link is a link out of the folder/);
  });

  it('overwrites a file, and does not write through a link that was there before', async () => {
    await writeFile(join(home, 'victim'), 'untouched');
    await symlink('../victim', join(root, 'file'));
    await unpackTree(archive({ name: 'file', text: 'new' }), root);
    expect(await readFile(join(home, 'victim'), 'utf8')).toBe('untouched');
    expect(await readFile(join(root, 'file'), 'utf8')).toBe('new');
  });

  it.each<[string, Parameters<typeof archive>]>([
    ['a name that climbs', [{ name: '../evil', text: 'x' }]],
    ['a name that climbs later', [{ name: 'a/../../evil', text: 'x' }]],
    ['an absolute name', [{ name: '/evil', text: 'x' }]],
    ['a link out', [{ name: 'link', type: 'symlink', linkname: '../evil' }]],
    ['an absolute link', [{ name: 'link', type: 'symlink', linkname: '/tmp' }]],
    [
      'a link that climbs through another',
      [
        { name: 'x', type: 'symlink', linkname: '.' },
        { name: 'y', type: 'symlink', linkname: 'x/../evil' },
      ],
    ],
    [
      'a file below a link',
      [
        { name: 'd', type: 'symlink', linkname: 'e' },
        { name: 'd/evil', text: 'x' },
      ],
    ],
    ['a hard link out', [{ name: 'link', type: 'link', linkname: '../victim' }]],
    ['a hard link to nothing', [{ name: 'link', type: 'link', linkname: 'missing' }]],
    ['a device', [{ name: 'null', type: 'character-device', devmajor: 1, devminor: 3 }]],
    ['a pipe', [{ name: 'pipe', type: 'fifo' }]],
  ])('refuses %s and writes nothing outside', async (_, entries) => {
    await writeFile(join(home, 'victim'), 'untouched');
    await expect(unpackTree(archive(...entries), root)).rejects.toThrow(/archive holds|cannot be written/);
    expect((await readdir(home)).sort()).toEqual(['root', 'victim']);
  });

  it('refuses a folder of the workspace that is a link out', async () => {
    await mkdir(join(home, 'outside'));
    await symlink('../outside', join(root, 'out'));
    await expect(unpackTree(archive({ name: 'out/evil', text: 'x' }), root)).rejects.toThrow(/is a link/);
    expect(await readdir(join(home, 'outside'))).toEqual([]);
  });

  it('stops at the limits', async () => {
    const entries = Array.from({ length: 11 }, (_, index) => ({ name: `f${index}`, text: 'x' }));
    await expect(unpackTree(archive(...entries), root, { entries: 10 })).rejects.toThrow(
      /more than 10 entries/,
    );
    await expect(
      unpackTree(archive({ name: 'f', text: 'x'.repeat(100) }), root, { bytes: 99 }),
    ).rejects.toThrow(/more than 99 bytes/);
  });

  it('counts folders that are only named in a path', async () => {
    const deep = { name: `${'d/'.repeat(20)}f`, text: 'x' };
    await expect(unpackTree(archive(deep), root, { entries: 20 })).rejects.toThrow(/more than 20 entries/);
    await unpackTree(archive(deep, { ...deep, name: `${'d/'.repeat(20)}g` }), root, { entries: 22 });
  });

  it('refuses a name that no file system takes', async () => {
    await expect(unpackTree(archive({ name: 'd/'.repeat(3000), text: '' }), root)).rejects.toThrow(
      /a name of \d+ characters/,
    );
    expect(await readdir(root)).toEqual([]);
  });

  /** A chunk again and again; counts how often it was asked for. */
  function endless(first: Buffer, chunk: Buffer) {
    const asked = { chunks: 0 };
    async function* chunks(): AsyncGenerator<Buffer> {
      yield first;
      while (asked.chunks < 1000) {
        asked.chunks++;
        yield chunk;
        // As a stream does: others get their turn.
        await new Promise((turn) => setImmediate(turn));
      }
    }
    return { archive: chunks(), asked };
  }

  it('refuses a header that would fill the memory', async () => {
    const tar = pack();
    tar.entry({ name: 'f', type: 'pax-header' as 'file', size: 4 * 1024 ** 3 });
    const first = await (tar as AsyncIterable<Buffer>)[Symbol.asyncIterator]().next();
    const { archive: bomb, asked } = endless(first.value as Buffer, Buffer.alloc(1024 ** 2, 'x'));
    await expect(unpackTree(bomb, root)).rejects.toThrow(/max size|more than its entries/);
    expect(asked.chunks).toBeLessThan(10);
    tar.destroy();
  });

  it('refuses zeros without end', async () => {
    const { archive: bomb, asked } = endless(Buffer.alloc(512), Buffer.alloc(1024 ** 2));
    await expect(unpackTree(bomb, root)).rejects.toThrow(/holds more than its entries/);
    expect(asked.chunks).toBeLessThan(10);
  });

  it('takes many entries with long names', async () => {
    const entries = Array.from({ length: 2200 }, (_, index) => ({
      name: `${'n'.repeat(200)}/${'m'.repeat(200)}${index}`,
      text: 'x'.repeat(10),
    }));
    await unpackTree(archive(...entries), root);
    expect(await readdir(join(root, 'n'.repeat(200)))).toHaveLength(2200);
  });

  it('refuses a damaged archive', async () => {
    async function* damaged(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(1024, 'x');
    }
    await expect(unpackTree(damaged(), root)).rejects.toThrow();
  });

  it('keeps links inside', async () => {
    await unpackTree(
      archive({ name: 'a/f', text: 'x' }, { name: 'b/l', type: 'symlink', linkname: '../a/f' }),
      root,
    );
    expect(await readlink(join(root, 'b/l'))).toBe('../a/f');
    expect(linkStaysInside('b/l', '../a/f')).toBe(true);
    expect(linkStaysInside('l', 'a/../../f')).toBe(false);
  });
});
