import type { TriggerEvent } from '@hybrid/contracts';
import { describe, expect, it } from '@jest/globals';
import { namesOfRepository, ofOtherHost } from './repository-host.js';

const event = (clone_url: string | null, repository = 'acme/web'): TriggerEvent => ({
  ...{ kind: 'push', repository, clone_url, branch: 'main', tag: null, commit: 'abcdef0123' },
  ...{ pull_request: null, base_branch: null, fork: false, author: null, paths: null },
});
const GITHUB = 'https://github.com/acme/web.git';
const GITEA = 'https://git.example:3000/acme/web.git';

describe('the host of a repository', () => {
  it.each([
    ['names none', 'acme/web', null, GITEA],
    ['names none, nor does the event', 'acme/web', null, null],
    ['clones from it', 'acme/web', GITHUB, GITHUB],
    ['clones from it by ssh', 'acme/web', 'git@GitHub.com:acme/web.git', GITHUB],
    ['clones by ssh at another port', 'acme/web', 'ssh://git@git.example:2222/acme/web.git', GITEA],
    ['names it', 'GitHub.com/acme/web', null, GITHUB],
    ['names it, whatever its port', 'git.example/acme/web', null, GITEA],
    ['names it with its port', 'git.example:3000/acme/web', null, GITEA],
    ['names it, and clones a mirror', 'github.com/acme/web', 'https://mirror.example/web.git', GITHUB],
    ['clones from no host', 'acme/web', '/srv/git/web.git', GITEA],
  ])('is the event’s where the pipeline %s', (_, repository, clone_url, its) =>
    expect(ofOtherHost({ repository, clone_url }, event(its))).toBeNull(),
  );

  it.each([
    ['clones from another', 'acme/web', GITHUB, GITEA],
    ['clones from another by ssh', 'acme/web', 'git@github.com:acme/web.git', GITEA],
    ['names another', 'github.com/acme/web', null, GITEA],
    ['names another, though it clones from the event’s', 'github.com/acme/web', GITEA, GITEA],
    ['names another port', 'git.example:8443/acme/web', null, GITEA],
    ['clones from another port', 'acme/web', 'https://git.example/acme/web.git', GITEA],
    [
      'clones from a host that ends alike',
      'acme/web',
      'https://example/acme/web',
      'https://git.example/acme/web',
    ],
    [
      'is named like a group of the event’s host',
      'github.com/acme/web',
      null,
      'https://git.example/github.com/acme/web',
    ],
    ['has a host, and the event none', 'acme/web', GITHUB, null],
  ])('is another where the pipeline %s', (_, repository, clone_url, its) =>
    expect(ofOtherHost({ repository, clone_url }, event(its))).toMatch(/^it is of /),
  );

  it('is no group of that name', () => {
    const clone_url = 'https://git.example/my.group/a/web.git';
    const grouped = { repository: 'my.group/a/web', clone_url };
    expect(ofOtherHost(grouped, event(clone_url, 'My.group/a/web'))).toBeNull();
    const named = { repository: 'gitlab.com/acme/web', clone_url: null };
    expect(ofOtherHost(named, event('https://gitlab.com/acme/web.git'))).toBeNull();
    const group = event('https://gitlab.com/gitlab.com/acme/web.git', 'gitlab.com/acme/web');
    expect(ofOtherHost(named, group)).toContain('the event of gitlab.com/gitlab.com/acme/web');
  });

  it('is that of Bitbucket Data Center, which puts scm/ before the names of what is cloned by https', () => {
    const clone_url = 'https://bitbucket.example/scm/acme/web.git';
    const push = event(clone_url, 'ACME/web');
    const names = [
      'acme/web',
      'scm/acme/web',
      'bitbucket.example/acme/web',
      'bitbucket.example/scm/acme/web',
    ];
    expect(namesOfRepository(push)).toEqual(names);
    for (const repository of names) expect(ofOtherHost({ repository, clone_url }, push)).toBeNull();
    // What a pull request's commits are cloned from is another repository.
    expect(namesOfRepository(event('https://bitbucket.example/scm/ann/web.git'))).not.toContain(
      'scm/ann/web',
    );
  });

  it('is told with how to mend it', () => {
    const pipeline = { repository: 'acme/web', clone_url: 'git@work:acme/web.git' };
    expect(ofOtherHost(pipeline, event(GITEA))).toBe(
      'it is of work/acme/web, and the event of git.example:3000/acme/web: where both are one, store it with the repository git.example:3000/acme/web',
    );
    const mended = { ...pipeline, repository: 'git.example:3000/acme/web' };
    expect(ofOtherHost(mended, event(GITEA))).toBeNull();
  });

  it.each([
    [null, ['acme/web']],
    [GITHUB, ['acme/web', 'github.com/acme/web']],
    [GITEA, ['acme/web', 'git.example/acme/web', 'git.example:3000/acme/web']],
  ])('stands before the names by which pipelines are looked for: %s', (clone_url, names) =>
    expect(namesOfRepository(event(clone_url, 'Acme/web'))).toEqual(names),
  );
});
