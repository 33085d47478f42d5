import { bundleProgram, eventually, seededRandom, specSeed } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openReader, openWriter } from '../open.js';
import { describeQueue } from '../queue-contract.fixtures.js';

const temporaryFolder = async () => realpath(await mkdtemp(join(tmpdir(), 'hybrid-queue-')));
const noCredentials = 'a folder has no credentials';

describeQueue(
  'directory',
  async () => {
    const root = await temporaryFolder();
    const path = join(root, 'queue');
    await mkdir(path);
    const config = { kind: 'directory', path } as const;
    const missing = { kind: 'directory', path: join(root, 'nothing') } as const;
    return {
      writer: config,
      reader: config,
      options: { leaseMs: 1_500 },
      credentials: {},
      missing: { writer: missing, reader: missing },
      aside: async () => {
        const names = await readdir(join(path, 'aside'));
        return Promise.all(names.map((name) => readFile(join(path, 'aside', name), 'utf8')));
      },
      stop: () => rm(root, { recursive: true }),
    };
  },
  {
    credentials: noCredentials,
    'send denied': noCredentials,
    'server away': 'a folder has no server',
  },
);

describe('a queue in a folder', () => {
  let path: string;
  const { signal } = new AbortController();
  const take = async (max = 10) =>
    (await openReader({ kind: 'directory', path })).receive({ max, waitMs: 0, signal });

  beforeEach(async () => {
    path = await temporaryFolder();
  });
  afterEach(() => rm(path, { recursive: true }));

  it.each(['relative', '/', '/tmp/../etc', '/tmp/', '/tmp/a\0b'])(
    'is not made of the path %j',
    async (wrong) => {
      const config = { kind: 'directory', path: wrong } as const;
      await expect(openReader(config)).rejects.toMatchObject({ code: 'queue_misconfigured' });
      await expect(openWriter(config)).rejects.toMatchObject({ code: 'queue_misconfigured' });
    },
  );

  it('follows no link: not as itself, nor as a folder of its own, nor as a message', async () => {
    const target = await temporaryFolder();
    try {
      await writeFile(join(target, 'secret'), 'of somebody else');
      const link = join(path, 'link');
      await symlink(target, link);
      const linked = await openWriter({ kind: 'directory', path: link });
      await expect(linked.send(['x'])).rejects.toMatchObject({ code: 'queue_misconfigured' });

      const writer = await openWriter({ kind: 'directory', path });
      await writer.send(['mine']);
      const name = (await readdir(join(path, 'new')))[0]!;
      await symlink(join(target, 'secret'), join(path, 'new', name.replace(/.{12}\.0$/, '000000000000.0')));
      expect((await take()).map(({ body }) => body)).toEqual(['mine']);
      expect(await readdir(join(path, 'aside'))).toEqual([expect.stringMatching(/\.unreadable$/)]);

      await rename(join(path, 'new'), join(path, 'old'));
      await symlink(target, join(path, 'new'));
      await expect(writer.send(['x'])).rejects.toMatchObject({ code: 'queue_misconfigured' });
      await expect(take()).rejects.toMatchObject({ code: 'queue_misconfigured' });
      expect(await readdir(target)).toEqual(['secret']);
    } finally {
      await rm(target, { recursive: true });
    }
  });

  it('leaves files alone that are no messages', async () => {
    const writer = await openWriter({ kind: 'directory', path });
    await writer.verifyAccess();
    await writeFile(join(path, 'new', 'README'), 'hello');
    await writer.send(['mine']);
    expect((await take()).map(({ body }) => body)).toEqual(['mine']);
    expect(await readdir(join(path, 'new'))).toEqual(['README']);
  });

  it('gives the oldest first', async () => {
    const writer = await openWriter({ kind: 'directory', path });
    const bodies = Array.from({ length: 5 }, (_, index) => `${index}`);
    for (const body of bodies) {
      await writer.send([body]);
      const now = Date.now();
      await eventually(() => expect(Date.now()).toBeGreaterThan(now));
    }
    expect((await take()).map(({ body }) => body)).toEqual(bodies);
  });
});

describe('a queue in a folder whose sides are killed', () => {
  let program: Awaited<ReturnType<typeof bundleProgram>>;
  const children = new Set<ChildProcess>();

  beforeAll(async () => {
    program = await bundleProgram('libs/user-queue/src/directory/directory-program.fixtures.ts');
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await program?.remove();
  });

  it('loses nothing that was sent, tears nothing, and leaves nothing behind', async () => {
    const path = await temporaryFolder();
    const random = seededRandom(specSeed());
    const sent = new Set<string>();
    const seen = new Set<string>();
    /** Runs one side until it said something, and a random while more; then kills it. */
    const runAndKill = async (side: 'write' | 'read', name: string) => {
      const child = spawn(process.execPath, [program.path, side, path, name], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.add(child);
      let lines = 0;
      const enough = 1 + Math.floor(random() * 40);
      for await (const line of createInterface({ input: child.stdout })) {
        const [what, body = ''] = line.split(' ');
        (what === 'sent' ? sent : seen).add(body);
        lines += 1;
        if (lines === enough) child.kill('SIGKILL');
      }
      children.delete(child);
    };
    const writers = async (name: string) => {
      for (let round = 0; round < 5; round++) await runAndKill('write', `${name}${round}`);
    };
    // The writers write more than the readers take, so that these never wait in vain.
    await Promise.all([writers('a'), writers('b'), writers('c')]);
    await Promise.all([runAndKill('read', ''), runAndKill('read', ''), runAndKill('read', '')]);

    const reader = await openReader({ kind: 'directory', path }, { leaseMs: 10_000 });
    await eventually(async () => {
      const messages = await reader.receive({ max: 50, waitMs: 0, signal: new AbortController().signal });
      for (const { body } of messages) seen.add(body);
      await reader.remove(messages);
      expect(await readdir(join(path, 'taken'))).toEqual([]);
      expect(await readdir(join(path, 'new'))).toEqual([]);
    });
    expect([...sent].filter((body) => !seen.has(body))).toEqual([]);
    expect([...seen].filter((body) => !/^[abc]\d-\d+-end$/.test(body))).toEqual([]);
    await rm(path, { recursive: true });
  });
});
