import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withFileHashes } from './hash-files.js';

describe('hashFiles', () => {
  let workspace: string;
  const notes: string[] = [];
  const resolve = (text: string) => withFileHashes(text, workspace, (note) => notes.push(note));
  beforeEach(async () => {
    notes.length = 0;
    workspace = await mkdtemp(join(tmpdir(), 'hybrid-hash-'));
    await mkdir(join(workspace, 'apps/a'), { recursive: true });
    await writeFile(join(workspace, 'lock.json'), '1');
    await writeFile(join(workspace, 'apps/a/lock.json'), '2');
  });
  afterEach(() => rm(workspace, { recursive: true }));

  it('puts one digest in, of all files that match, with either quotes', async () => {
    const one = await resolve('npm-{{hashFiles "**/lock.json"}}-x');
    expect(one).toMatch(/^npm-[0-9a-f]{64}-x$/);
    expect(await resolve("npm-{{ hashFiles 'lock.json' 'apps/*/lock.json' }}-x")).toBe(one);
    expect(await resolve("{{hashFiles 'lock.json'}} {{hashFiles 'lock.json'}}")).toMatch(
      /^([0-9a-f]{64}) \1$/,
    );
    expect(await resolve('plain')).toBe('plain');
  });

  it('follows content and names', async () => {
    const before = await resolve('{{hashFiles "**/lock.json"}}');
    await writeFile(join(workspace, 'apps/a/lock.json'), '3');
    const after = await resolve('{{hashFiles "**/lock.json"}}');
    expect(after).not.toBe(before);
    await writeFile(join(workspace, 'apps/a/lock.json'), '2');
    expect(await resolve('{{hashFiles "**/lock.json"}}')).toBe(before);
  });

  it('says that nothing matches', async () => {
    expect(await resolve('{{hashFiles "nothing"}}')).toMatch(/^[0-9a-f]{64}$/);
    expect(notes).toEqual(['hashFiles: no file in the workspace matches nothing']);
  });

  it.each(['/etc/passwd', '../*', 'a/../../b'])('refuses %s', async (glob) => {
    await expect(resolve(`{{hashFiles "${glob}"}}`)).rejects.toThrow(/leads out of the workspace/);
  });

  it('reads nothing that a link leads to', async () => {
    await symlink('/etc/passwd', join(workspace, 'link'));
    await symlink('/etc', join(workspace, 'folder'));
    await resolve('{{hashFiles "link" "folder/passwd" "folder/**"}}');
    expect(notes).toHaveLength(1);
  });
});
