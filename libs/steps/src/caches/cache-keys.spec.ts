import type { ClaimedJob } from '@hybrid/contracts';
import { checkKey } from '@hybrid/stores';
import { seededRandom, specSeed } from '@hybrid/testing';
import { describe, expect, it } from '@jest/globals';
import { keyOf, objectOf, prefixOf, scopeOf } from './cache-keys.js';

const job = (ref?: string, repository = 'https://git.example.com/web', pipeline_id = 'web'): ClaimedJob =>
  ({ pipeline_id, spec: { source: { repository, ref } } }) as unknown as ClaimedJob;
const cache = { key: 'k', paths: ['node_modules'] };

describe('where caches lie', () => {
  it('a branch writes its own and reads the shared ones after it', () => {
    const { own, readable } = scopeOf(job('feature/a b'), cache, ['main', 'master']);
    expect(readable[0]).toBe(own);
    expect(readable[1]).toBe(scopeOf(job('main'), cache, []).own);
    expect(readable).toHaveLength(3);
    expect(scopeOf(job('refs/heads/main'), cache, ['main']).readable).toEqual([
      scopeOf(job('main'), cache, []).own,
    ]);
  });

  it.each([
    ['another branch', job('other'), cache],
    ['a pull request', job('refs/pull/1/head'), cache],
    ['a branch of the same name in a fork', job('main', 'https://git.example.com/fork/web'), cache],
    ['another pipeline', job('main', undefined, 'api'), cache],
    ['other paths', job('main'), { ...cache, paths: ['dist'] }],
  ])('%s writes elsewhere', (_, other, spec) => {
    const main = scopeOf(job('main'), cache, ['main']);
    const { own } = scopeOf(other, spec, ['main']);
    expect(main.readable).not.toContain(own);
  });

  it('the password in a repository’s address changes nothing, and is not in it', () => {
    const { own } = scopeOf(job('main', 'https://u:secret@git.example.com/web'), cache, []);
    expect(own).toBe(scopeOf(job('main'), cache, []).own);
    expect(own).not.toContain('secret');
  });

  it('keys of any text become objects and come back; beginnings stay beginnings', () => {
    const random = seededRandom(specSeed());
    const letters = ['a', 'Z', '9', '-', '.', '/', ' ', '=', '%', '\n', 'é', '日', '..', '😀'];
    for (let round = 0; round < 300; round++) {
      const length = Math.floor(random() * 400);
      const text = Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');
      const object = objectOf('caches/x', text);
      expect(keyOf('caches/x', object)).toBe(text);
      const beginning = Array.from(text)
        .slice(0, Math.floor(random() * length))
        .join('');
      expect(object.startsWith(prefixOf('caches/x', beginning))).toBe(true);
      if (object.length <= 800) expect(checkKey(object)).toBe(object);
    }
  });
});
