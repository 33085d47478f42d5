import type { ClaimedJob } from '@hybrid/contracts';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@hybrid/testing';
import { completed, workbench } from '../test/workbench.js';
import { CommitStatuses } from './commit-status.js';
import { readForges, repositoryOf } from './forges.js';

const COMMIT = 'a'.repeat(40);

interface Asked {
  method?: string;
  url?: string;
  headers: NodeJS.Dict<string | string[]>;
  body: Record<string, unknown>;
}

describe('commit statuses', () => {
  let server: Server;
  let api: string;
  let asked: Asked[];
  let answers: { status: number; headers?: Record<string, string>; body?: unknown }[];
  let notices: string[];

  beforeEach(async () => {
    [asked, answers, notices] = [[], [], []];
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (piece: Buffer) => (text += piece.toString()));
      request.on('end', () => {
        const { method, url, headers } = request;
        asked.push({ method, url, headers, body: JSON.parse(text) as Record<string, unknown> });
        const answer = answers.shift() ?? { status: 201 };
        response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
        response.end(JSON.stringify(answer.body ?? {}));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function statusesOf(kind: string, host = 'git.example.com'): CommitStatuses {
    const target = 'https://hybrid.example.com/runs/{run}';
    return new CommitStatuses({
      forges: readForges({ [host]: { kind, token: 'STATUS', url: `${api}/`, target } }),
      secret: async () => 'the-t0ken',
      notify: (text) => notices.push(text),
      pausesMs: [0, 0],
    });
  }
  const job = (repository: string, source = {}): ClaimedJob =>
    ({
      id: 'j 1',
      run_id: 'r/1',
      pipeline_id: 'web',
      spec: {
        source: { repository, commit: COMMIT, ...source },
        step: { id: 'test[node=20]', name: 'test', type: 'step.shell_exec', config: {} },
      },
    }) as unknown as ClaimedJob;

  it('GitHub: as its REST API wants them', async () => {
    const statuses = statusesOf('github');
    statuses.of(job('git@git.example.com:acme/shop.git'))!.tell('success');
    await statuses.settled();
    expect(asked).toEqual([
      {
        method: 'POST',
        url: `/repos/acme/shop/statuses/${COMMIT}`,
        headers: expect.objectContaining({
          accept: 'application/vnd.github+json',
          authorization: 'Bearer the-t0ken',
          'x-github-api-version': '2022-11-28',
          'user-agent': 'hybrid-agent',
          'content-type': 'application/json',
        }),
        body: {
          state: 'success',
          context: 'hybrid/web/test[node=20]',
          description: 'test succeeded',
          target_url: 'https://hybrid.example.com/runs/r%2F1',
        },
      },
    ]);
  });

  it('GitLab: groups in the path, its own names of states', async () => {
    const statuses = statusesOf('gitlab');
    const status = statuses.of(job('https://git.example.com/acme/web/shop.git'))!;
    for (const state of ['pending', 'failure', 'error'] as const) {
      status.tell(state);
      await statuses.settled();
    }
    expect(asked[0]).toMatchObject({
      url: `/projects/acme%2Fweb%2Fshop/statuses/${COMMIT}`,
      headers: { 'private-token': 'the-t0ken' },
      body: { name: 'hybrid/web/test[node=20]', target_url: expect.stringContaining('/runs/') },
    });
    expect(asked.map(({ body }) => body['state'])).toEqual(['running', 'failed', 'failed']);
  });

  it('GitLab: a state that the commit has already is fine', async () => {
    answers = [{ status: 400, body: { message: 'Cannot transition status via :run from :running' } }];
    const statuses = statusesOf('gitlab');
    statuses.of(job('https://git.example.com/a/b'))!.tell('pending');
    await statuses.settled();
    expect([asked.length, notices]).toEqual([1, []]);
  });

  it('Gitea: like GitHub below /api/v1', async () => {
    const statuses = statusesOf('gitea');
    statuses.of(job('ssh://git@git.example.com:2222/acme/shop.git'))!.tell('error');
    await statuses.settled();
    expect(asked[0]).toMatchObject({
      url: `/repos/acme/shop/statuses/${COMMIT}`,
      headers: { authorization: 'token the-t0ken' },
      body: { state: 'error', context: 'hybrid/web/test[node=20]', description: 'test could not be run' },
    });
    expect(readForges({ 'git.example.com': { kind: 'gitea', token: 'T' } })['git.example.com']?.url).toBe(
      'https://git.example.com/api/v1',
    );
  });

  it('waits as long as the forge says, tries again, and gives up with a notice', async () => {
    answers = [
      { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' } },
      { status: 503 },
      { status: 201 },
    ];
    const statuses = statusesOf('github');
    const status = statuses.of(job('https://git.example.com/a/b'))!;
    status.tell('success');
    await statuses.settled();
    expect([asked.length, notices]).toEqual([3, []]);

    answers = [{ status: 401, body: { message: 'Bad credentials the-t0ken' } }];
    status.tell('failure');
    await statuses.settled();
    answers = [{ status: 429, headers: { 'retry-after': '3600' } }];
    status.tell('failure');
    await statuses.settled();
    expect(asked).toHaveLength(5);
    expect(notices).toEqual([
      expect.stringMatching(
        /^the status of job j 1 could not be told to GitHub: 127.* answers 401: Bad credentials \*\*\*$/,
      ),
      expect.stringMatching(/answers 429/),
    ]);
  });

  it('an earlier state never comes after a later one, and is left out when it is late', async () => {
    answers = [{ status: 503 }];
    const statuses = statusesOf('github');
    const status = statuses.of(job('https://git.example.com/a/b'))!;
    status.tell('pending');
    status.tell('success');
    await statuses.settled();
    await eventually(() => expect(asked.map(({ body }) => body['state'])).toEqual(['pending', 'success']));
  });

  it('are told of hosts that are set, and of whole commits', async () => {
    const statuses = statusesOf('github');
    expect(statuses.of(job('https://other.example.com/a/b'))).toBeUndefined();
    expect(statuses.of(job('/srv/repository'))).toBeUndefined();
    const status = statuses.of(job('https://git.example.com/a/b', { commit: undefined }))!;
    status.tell('pending');
    status.tell('success', 'b'.repeat(40));
    await statuses.settled();
    expect(asked.map(({ url }) => url)).toEqual([`/repos/a/b/statuses/${'b'.repeat(40)}`]);
  });

  it.each([
    ['https://user:pass@github.com/a/b.git', { host: 'github.com', path: 'a/b' }],
    ['git@github.com:a/b', { host: 'github.com', path: 'a/b' }],
    ['http://git.local:3000/a/b/', { host: 'git.local:3000', path: 'a/b' }],
    ['ssh://git@git.local:22/a/b.c.git', { host: 'git.local', path: 'a/b.c' }],
    ['https://github.com/a/../../admin', { host: 'github.com', path: 'admin' }],
    ['https://github.com/a/b%2f..%2f..%2fx', undefined],
    ['git@github.com:../x/y', undefined],
    ['https://github.com/a', undefined],
    ['file:///srv/a/b', undefined],
    ['/srv/a/b', undefined],
    ['../a/b', undefined],
  ])('%s lies at %j', (repository, expected) => {
    const found = repositoryOf(repository);
    // One part is no repository.
    expect(found).toEqual(expected?.path === 'admin' ? undefined : expected);
  });

  describe('of an agent', () => {
    const bench = workbench();

    it('are told when a step begins and ends; a forge that is away does not matter', async () => {
      const { repository, commit } = await bench.repository({ a: 'b' });
      const config = join(bench.home, 'agent.yaml');
      // The address of a forge that is a folder of this machine.
      await writeFile(
        join(bench.home, '.gitconfig'),
        `[url "${repository}"]\n\tinsteadOf = https://git.example.com/acme/shop.git\n[safe]\n\tdirectory = *\n`,
      );
      await writeFile(config, `status:\n  git.example.com: {kind: gitea, token: STATUS, url: "${api}"}\n`);
      await bench.startReady(['--config', config, '--git-mirrors', 'no'], {
        HYBRID_SECRET_STATUS: 'the-t0ken',
        HOME: bench.home,
      });
      const source = { repository: 'https://git.example.com/acme/shop.git', ref: 'main' };
      const failing = bench.shell(['exit 3'], {}, { pipeline_id: 'web', spec: { source } });
      await completed(failing);
      await eventually(() => expect(asked.map(({ body }) => body['state'])).toEqual(['failure']));
      const full = bench.shell(['true'], {}, { pipeline_id: 'web', spec: { source: { ...source, commit } } });
      await completed(full);
      await eventually(() =>
        expect(asked.slice(1).map(({ url, body }) => [url, body['state']])).toEqual([
          [`/repos/acme/shop/statuses/${commit}`, 'pending'],
          [`/repos/acme/shop/statuses/${commit}`, 'success'],
        ]),
      );
    });
  });
});
