/** Above 400 lines, as it is one table: each host's webhooks, and what is taken of them. */
import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '@hybrid/contracts';
import { deliveryId, faultOf } from '@hybrid/delivery';
import { receive } from './receive.js';
import type { Received, ReducedEvent } from './received.js';
import { recorded, RECORDED, SECRETS, signedWebhook, type RecordedWebhook } from './recorded.fixtures.js';
import type { ToolConfig } from './tool-config.js';
import { shippedTool, toolFrom, toolText } from './tools.fixtures.js';

const A = '9d1f3a52c0b84e6f7a1d2c3b4e5f60718293a4b5';
const B = '1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e';
const GITHUB = '6113728f27ae82c7b1a177c8d03f9e96e0adf246';
const PATHS = ['src/basket.ts', 'README.md', 'src/old basket.ts'];

function received(webhook: RecordedWebhook, config: ToolConfig = shippedTool(webhook.tool)): Received {
  return receive(config, signedWebhook(webhook), [SECRETS[webhook.tool]]);
}

const eventsOf = (name: string): ReducedEvent[] => received(recorded(name)).events ?? [];

/** With other values at these JSON pointers; undefined takes away. */
function changed(name: string, changes: Record<string, unknown>): RecordedWebhook {
  const webhook = recorded(name);
  const payload = JSON.parse(webhook.body.toString()) as object;
  for (const [pointer, value] of Object.entries(changes)) {
    const keys = pointer.split('/').slice(1);
    const last = keys.pop()!;
    const parent = keys.reduce((at, key) => (at as Record<string, object>)[key]!, payload);
    Object.assign(parent, { [last]: value });
  }
  return { ...webhook, body: Buffer.from(JSON.stringify(payload)) };
}

describe('a push', () => {
  const acme = (host: string): object => ({
    repository: 'acme/web',
    clone_url: `https://${host}/acme/web.git`,
    branch: 'main',
    commit: A,
    before: B,
    deleted: false,
    author: 'jane',
    paths_complete: true,
  });

  it.each([
    [
      'github-push',
      {
        repository: 'Codertocat/Hello-World',
        clone_url: 'https://github.com/Codertocat/Hello-World.git',
        branch: 'master',
        commit: GITHUB,
        deleted: false,
        author: 'Codertocat',
        paths: ['README.md'],
        // The branch is new.
        paths_complete: false,
      },
    ],
    ['gitlab-push', { ...acme('gitlab.example.com'), paths: PATHS }],
    ['gitea-push', { ...acme('git.example.com'), paths: [PATHS[0], PATHS[1], PATHS[2]] }],
    [
      'bitbucket-push',
      {
        repository: 'acme/web',
        clone_url: 'https://bitbucket.org/acme/web',
        branch: 'main',
        commit: A,
        before: B,
        deleted: false,
        author: '557058:c0b72ad0-1cb5-4018-9cdc-0cde8492c443',
      },
    ],
  ])('%s', (name, metadata) => {
    const [event, ...more] = eventsOf(name);
    expect(more).toEqual([]);
    expect(event).toMatchObject({ kind: 'push', action: null, delivery: expect.any(String) });
    const { paths, ...rest } = event!.metadata;
    const { paths: expected, ...others } = metadata as { paths?: string[] };
    expect(rest).toEqual(others);
    expect(paths?.toSorted()).toEqual(expected?.toSorted());
  });

  it('to several refs at once is several events, each with its part', () => {
    const several = ['bitbucket-push-several', 'bitbucket-dc-push'].map((name) =>
      eventsOf(name).map(({ part, kind, metadata: { branch, tag, commit, deleted } }) => ({
        part,
        kind,
        ref: branch ?? tag,
        commit,
        deleted,
      })),
    );
    const expected = [
      { part: undefined, kind: 'push', ref: 'main', commit: A, deleted: false },
      { part: 1, kind: 'tag', ref: 'v1.2.0', commit: A, deleted: false },
      { part: 2, kind: 'push', ref: 'basket/words', commit: undefined, deleted: true },
    ];
    expect(several).toEqual([expected, expected]);
  });

  it('of Bitbucket Data Center has the https address, wherever it stands', () => {
    expect(eventsOf('bitbucket-dc-push')[0]!.metadata).toMatchObject({
      repository: 'ACME/web',
      clone_url: 'https://bitbucket.example.com/scm/acme/web.git',
    });
  });

  it('that removes a branch is told by Gitea as such', () => {
    expect(eventsOf('gitea-delete')).toMatchObject([
      { kind: 'push', event: 'delete', metadata: { branch: 'basket/words', deleted: true } },
    ]);
  });
});

describe('a tag', () => {
  it.each([
    [
      'github-tag',
      { repository: 'Codertocat/Hello-World', tag: 'simple-tag', commit: GITHUB, deleted: false },
    ],
    ['gitlab-tag', { repository: 'acme/web', tag: 'v1.2.0', commit: A, deleted: false }],
    ['bitbucket-tag', { repository: 'acme/web', tag: 'v1.2.0', commit: A, deleted: false }],
    ['gitea-tag', { repository: 'acme/web', tag: 'v1.2.0', commit: A, deleted: false }],
  ])('%s', (name, metadata) => {
    const [event, ...more] = eventsOf(name);
    expect(more).toEqual([]);
    expect(event).toMatchObject({ kind: 'tag', metadata });
    expect(event!.metadata).not.toHaveProperty('branch');
    expect(event!.metadata).not.toHaveProperty('before');
  });

  it('that is gone has no commit', () => {
    const [{ kind, metadata }] = eventsOf('github-tag-deleted') as [ReducedEvent];
    expect([kind, metadata]).toEqual([
      'tag',
      {
        repository: 'Codertocat/Hello-World',
        clone_url: 'https://github.com/Codertocat/Hello-World.git',
        tag: 'simple-tag',
        before: GITHUB,
        deleted: true,
        author: 'Codertocat',
      },
    ]);
  });
});

describe('a pull request', () => {
  it.each([
    ['github-pull-request', 'synchronize', { pull_request: 2, base_branch: 'master', fork: false }],
    ['github-pull-request-fork', 'opened', { head_repository: 'mallory/Hello-World', fork: true }],
    [
      'gitlab-merge-request',
      'open',
      {
        pull_request: 7,
        branch: 'basket/words',
        base_branch: 'main',
        commit: A,
        fork: false,
        labels: ['needs review'],
      },
    ],
    [
      'gitlab-merge-request-fork',
      'update',
      { repository: 'acme/web', head_repository: 'mallory/web', before: B, fork: true },
    ],
    [
      'bitbucket-pull-request',
      'created',
      { pull_request: 7, branch: 'basket/words', base_branch: 'main', fork: false },
    ],
    [
      'bitbucket-pull-request-fork',
      'updated',
      { clone_url: 'https://bitbucket.org/mallory/web', head_repository: 'mallory/web', fork: true },
    ],
    [
      'bitbucket-dc-pull-request-fork',
      'opened',
      { repository: 'ACME/web', head_repository: '~MALLORY/web', commit: A, fork: true },
    ],
    ['gitea-pull-request', 'opened', { pull_request: 7, commit: A, fork: false, labels: ['needs review'] }],
    ['gitea-pull-request-fork', 'synchronized', { head_repository: 'mallory/web', fork: true }],
  ])('%s', (name, action, metadata) => {
    expect(eventsOf(name)).toEqual([
      expect.objectContaining({ kind: 'pull_request', action, metadata: expect.objectContaining(metadata) }),
    ]);
  });

  it.each(['github-pull-request-labeled', 'gitlab-merge-request-label'])(
    '%s has no new commits, so nothing starts by itself',
    (name) => {
      expect(eventsOf(name)).toMatchObject([{ kind: 'other', action: expect.any(String) }]);
    },
  );

  it('whose other repository is gone, or not told, is one from a fork', () => {
    const gone = [
      changed('github-pull-request', { '/pull_request/head/repo': null }),
      changed('gitlab-merge-request', {
        '/object_attributes/source_project_id': undefined,
        '/object_attributes/target_project_id': undefined,
      }),
      changed('bitbucket-pull-request', { '/pullrequest/source/repository': null }),
      changed('gitea-pull-request', { '/pull_request/head/repo_id': {} }),
      changed('gitea-pull-request', { '/pull_request/head/repo_id': [], '/pull_request/base/repo_id': [] }),
    ];
    for (const webhook of gone)
      expect([webhook.name, received(webhook).events?.[0]]).toMatchObject([
        webhook.name,
        { kind: 'pull_request', metadata: { fork: true } },
      ]);
  });
});

describe('what is nothing to pass on', () => {
  it.each([
    ['github-ping', 'ping: nothing to pass on'],
    ['github-issues', 'issues: github.yaml names no such event'],
    ['gitlab-pipeline', 'Pipeline Hook: gitlab.yaml names no such event'],
    ['bitbucket-dc-ping', 'diagnostics:ping: nothing to pass on'],
  ])('%s', (name, ignored) => {
    expect(received(recorded(name))).toEqual({ events: [], leftOut: [], ignored });
  });

  it('of Standard Webhooks is all but the type, until more is named', () => {
    expect(received(recorded('standard-event'))).toMatchObject({
      events: [{ kind: 'other', event: 'contact.created', action: null, metadata: {} }],
      leftOut: [],
    });
  });
});

/** Whether the text stands anywhere in what passes. */
const passes = (result: Received, text: string): boolean => JSON.stringify(result).includes(text);

describe('nothing else passes', () => {
  it.each(RECORDED.map((webhook) => [webhook.name, webhook] as const))('%s', (_, webhook) => {
    const canary = 'c4n4ry';
    const config = shippedTool(webhook.tool);
    // In every place that is not named: a key of its own in each object, an item at the end of each list.
    const sown = sow(JSON.parse(webhook.body.toString()), canary);
    const result = received({ ...webhook, body: Buffer.from(JSON.stringify(sown)) }, config);
    expect(result.refusal).toBeUndefined();
    expect(passes(result, canary)).toBe(false);
    expect(result.events).toEqual(received(webhook).events);
  });

  it.each(['Basket: words', 'jane@example.com', 'Closes nothing', 'glpat-', 'Shop front', SECRETS.gitlab])(
    'not "%s"',
    (text) => {
      const found = RECORDED.filter((webhook) => passes(received(webhook), text)).map(({ name }) => name);
      expect(found).toEqual([]);
    },
  );

  it.each(RECORDED.map((webhook) => [webhook.name, webhook] as const))(
    '%s becomes sound deliveries',
    (_, webhook) => {
      for (const event of received(webhook).events ?? []) {
        const keyed_sha256 = 'ab'.repeat(32);
        const delivery: Delivery = {
          v: 1,
          id: deliveryId('source', keyed_sha256, event.part),
          relay_id: '0b8f6a52-6f0e-4d3e-9a34-5d1f0c6f2f10',
          source: 'source',
          tool: webhook.tool,
          received_at: '2026-01-02T03:04:05Z',
          payload: { bytes: webhook.body.length, keyed_sha256, key_id: 'k' },
          ...event,
        };
        expect(faultOf(delivery)).toBeNull();
      }
    },
  );
});

/** An own key in each object; lists stay, as the number of items may mean something. */
function sow(value: unknown, canary: string): unknown {
  if (Array.isArray(value)) return value.map((item) => sow(item, canary));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, entry]) => [key, sow(entry, canary)]);
  return { ...Object.fromEntries(entries), [canary]: canary, secret: canary, token: canary };
}

describe('a value that does not fit', () => {
  it('is left out and named, never shown', () => {
    const webhook = changed('gitlab-push', {
      '/user_username': '<script>',
      '/after': 'HEAD',
      '/checkout_sha': null,
      '/project/git_http_url': 'https://oauth2:c4n4ry@gitlab.example.com/acme/web.git',
      '/commits/0/added': ['c4n4ry\u0000', 'ok'],
    });
    const result = received(webhook);
    expect(result).toMatchObject({
      leftOut: ['metadata.author', 'metadata.clone_url', 'metadata.commit', 'metadata.paths'],
      events: [{ metadata: { branch: 'main', paths_complete: false } }],
    });
    expect(passes(result, 'c4n4ry')).toBe(false);
  });

  it('refuses the webhook where nothing can be made of it without', () => {
    const result = received(changed('gitlab-push', { '/ref': 'refs/heads/-c4n4ry' }));
    expect(result).toEqual({
      refusal: {
        status: 422,
        code: 'no_delivery',
        detail: 'Push Hook: metadata.branch: missing, or not what it may be',
      },
    });
  });

  it('in one of several refs takes away that one only', () => {
    const result = received(changed('bitbucket-push-several', { '/push/changes/0/new/name': 'a..b' }));
    expect(result.events?.map(({ part }) => part)).toEqual([1, 2]);
    expect(result).toMatchObject({ leftOut: expect.arrayContaining(['metadata.branch']) });
  });

  it('without the name of an event is refused', () => {
    const { headers, ...webhook } = recorded('github-push');
    for (const event of [undefined, '', 'a\tb', 'x'.repeat(101)]) {
      const result = received({ ...webhook, headers: { ...headers, 'x-github-event': event as string } });
      expect(result).toMatchObject({ refusal: { status: 400, code: 'bad_header' } });
    }
  });

  it('more than 40 labels are cut', () => {
    const labels = Array.from({ length: 41 }, (_, i) => ({ title: `label ${i}` }));
    const result = received(changed('gitlab-merge-request', { '/labels': labels }));
    expect(result.events![0]!.metadata.labels).toHaveLength(40);
    expect(result).toMatchObject({ leftOut: ['metadata.labels'] });
  });

  it('a file that many commits before it hide is not lost from the list', () => {
    const commit = { added: [], modified: Array.from({ length: 100 }, (_, i) => `src/${i}.ts`), removed: [] };
    const commits = [...Array.from({ length: 300 }, () => commit), { ...commit, modified: ['last.ts'] }];
    const changes = { '/commits': commits, '/total_commits_count': 301 };
    const [event] = received(changed('gitlab-push', changes)).events!;
    expect(event!.metadata).toMatchObject({
      paths: expect.arrayContaining(['last.ts']),
      paths_complete: true,
    });
  });

  it('more than 300 paths are cut, and more than 100 refs', () => {
    const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `src/${i}.ts`);
    const many = received(changed('gitlab-push', { '/commits/0/added': names(1000) }));
    expect(many.events![0]!.metadata).toMatchObject({ paths: expect.any(Array), paths_complete: false });
    expect(many.events![0]!.metadata.paths).toHaveLength(300);
    const { push } = JSON.parse(recorded('bitbucket-push').body.toString()) as {
      push: { changes: object[] };
    };
    const changes = names(101).map(() => push.changes[0]);
    const refs = received(changed('bitbucket-push', { '/push/changes': changes }));
    expect(refs.events).toHaveLength(100);
    expect(refs).toMatchObject({ leftOut: ['parts'] });
  });
});

describe('attributes', () => {
  const config = toolFrom(
    toolText('hmac').replace(
      /events:[^]*$/,
      `events:
  deploy:
    event: deploy
    kind: other
    metadata:
      attributes:
        stage: { from: /stage, pattern: '[a-z-]+', max: 20 }
        team: { header: x-team, pattern: '\\w+', max: 20 }
        number: { from: [/missing, /build/number], pattern: '\\d+', max: 6 }
`,
    ),
  );
  const of = (payload: object, headers = {}): Received =>
    received(
      {
        name: 'own',
        tool: 'hmac',
        headers: { 'content-type': 'application/json', 'x-event': 'deploy', ...headers },
        body: Buffer.from(JSON.stringify(payload)),
      },
      config,
    );

  it('pass with their pattern and length', () => {
    expect(of({ stage: 'blue', build: { number: 42 } }, { 'x-team': 'shop' })).toMatchObject({
      events: [{ metadata: { attributes: { stage: 'blue', team: 'shop', number: '42' } } }],
      leftOut: [],
    });
  });

  it('do not pass in part: the pattern is for the whole', () => {
    const result = of({ stage: 'blue c4n4ry', build: { number: 1234567 } });
    expect(result).toMatchObject({
      events: [{ metadata: {} }],
      leftOut: ['metadata.attributes.number', 'metadata.attributes.stage'],
    });
    expect(passes(result, 'c4n4ry')).toBe(false);
  });
});
