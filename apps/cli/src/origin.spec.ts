import { describe, expect, it } from '@jest/globals';
import { originFrom } from './origin.js';

describe('the repository of a remote', () => {
  it.each([
    ['https://github.com/acme/web.git', 'acme/web', 'https://github.com/acme/web.git'],
    ['https://ada:hunter2@git.example:8443/a/b/c', 'a/b/c', 'https://git.example:8443/a/b/c'],
    ['https://git.example/acme/web.git?token=hunter2#x', 'acme/web', 'https://git.example/acme/web.git'],
    ['git@gitlab.com:acme/group/web.git', 'acme/group/web', 'ssh://gitlab.com/acme/group/web.git'],
    ['ssh://git@git.example:2222/acme/web/', 'acme/web', 'ssh://git.example:2222/acme/web/'],
  ])('%s', (remote, repository, clone_url) => {
    expect(originFrom(remote)).toEqual({ repository, clone_url });
  });

  it.each([
    '/srv/git/web.git',
    '../web',
    'file:///srv/web.git',
    'git://h/a/b',
    'https://h/web',
    'https://h/a%2e/b',
    'C:\\a\\b',
  ])('%s has none that a host names', (remote) => expect(originFrom(remote)).toEqual({}));
});
