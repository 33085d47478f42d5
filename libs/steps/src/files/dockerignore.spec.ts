import { describe, expect, it } from '@jest/globals';
import { Dockerignore } from './dockerignore.js';

describe('.dockerignore', () => {
  it.each<[string, string[], string[]]>([
    ['', ['a', '.git/config'], []],
    ['# a comment\n\n  \nb', ['# a comment', 'a'], ['b', 'b/c']],
    ['node_modules', ['src/node_modules/x'], ['node_modules', 'node_modules/x/y']],
    ['/build/', ['src/build'], ['build', 'build/x']],
    ['./a/../b', ['a'], ['b']],
    ['**/node_modules', [], ['node_modules/x', 'a/b/node_modules/x']],
    ['**/*.md', ['a.mdx'], ['a.md', 'a/b/c.md']],
    ['*.md', ['a/b.md'], ['b.md', '.md']],
    ['*/temp*', ['temp', 'a/b/temp'], ['a/temporary', 'a/temp/file']],
    ['a/**/z', ['a', 'a/b', 'z'], ['a/z', 'a/b/z', 'a/b/c/z']],
    ['docs/**', ['docs', 'x/docs/a'], ['docs/a', 'docs/a/b']],
    ['temp?', ['temp', 'temp12'], ['temp1', 'tempä']],
    ['[a-c]x\n[^a-y]z', ['dx', 'az', 'cz'], ['ax', 'cx', 'zz']],
    ['\\*.js', ['a.js'], ['*.js']],
    ['a.js', ['aXjs'], ['a.js']],
    ['*.md\n!README*.md\nREADME-secret.md', ['README.md', 'README-a.md'], ['a.md', 'README-secret.md']],
    ['*\n!src\nsrc/*.log', ['src', 'src/a.js'], ['a', 'src/x.log']],
    ['**', [], ['a', 'a/b', '.hidden']],
  ])('%j', (text, kept, left) => {
    const ignore = new Dockerignore(text);
    expect(kept.filter((path) => !ignore.keeps(path))).toEqual([]);
    expect(left.filter((path) => ignore.keeps(path))).toEqual([]);
  });

  it('keeps what the builder needs', () => {
    const ignore = new Dockerignore('*', ['docker/Dockerfile', '.dockerignore']);
    expect(ignore.keeps('docker/Dockerfile')).toBe(true);
    expect(ignore.keeps('docker/other')).toBe(false);
    expect([ignore.enters('docker'), ignore.enters('src')]).toEqual([true, false]);
  });

  it('goes into a folder that is left out where something in it may be taken back', () => {
    expect(new Dockerignore('a\n!a/b').enters('a')).toBe(true);
    expect(new Dockerignore('a').enters('a')).toBe(false);
  });

  it('takes no pattern long', () => {
    const ignore = new Dockerignore(`${'*a'.repeat(500)}b\n${'**/a/'.repeat(200)}b`);
    expect(ignore.keeps('a'.repeat(4000))).toBe(true);
    expect(ignore.keeps('a/'.repeat(1000) + 'a')).toBe(true);
  });
});
