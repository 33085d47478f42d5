/**
 * Webhooks of each host by each kind of queue, with real processes: the relay program, the customer's queue server, every
 * service on its own, agents. The clocks of hosts and the addresses that they name lead to this machine.
 */
import type { DeliveryView, RunSummary, RunView } from '@hybrid/contracts';
import { engineForTests, eventually, importBusybox } from '@hybrid/testing';
import { signedWebhook, type RecordedWebhook } from '@hybrid/webhooks/recorded';
import { openReader } from '@hybrid/user-queue';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { everythingKept } from './canary/kept.js';
import { Mark } from './canary/mark.js';
import { another, atCommit, Customer } from './net-zero/customer.js';
import { QUEUES, type Kind } from './net-zero/queues.js';
import { makeRepository } from './repository.js';
import { startSystem, type System } from './system.js';

/** In payloads and headers, where no configuration of a tool looks. */
const canary = new Mark();

const build = (name: string) => `
name: ${name}
on:
  push:
  pull_request:
steps:
  - { name: build, type: step.shell_exec, config: { commands: ['grep lawful source.txt'] } }
`;
const DEPLOY = `
name: deploy
steps:
  - { name: tests, type: step.shell_exec, config: { commands: ['grep lawful source.txt'] } }
  - name: deploy
    type: step.shell_exec
    env: { TOKEN: '{{.Secrets.TOKEN}}' }
    config: { commands: ['test "$TOKEN" = of-the-customer'] }
`;
/** Standard Webhooks and HMAC are of no repository: a rule says what they run. */
const ROUTES = {
  rules: [
    {
      name: 'by-hand-signed',
      when: { tool: ['standard', 'hmac'], kind: 'other' },
      then: { do: 'run', pipeline: 'by-rule' },
    },
    {
      name: 'pull-requests',
      when: { kind: 'pull_request', tool: ['gitlab'] },
      then: { do: 'run', pipeline: 'deploy' },
    },
  ],
};
const HMAC: RecordedWebhook = {
  name: 'hmac',
  tool: 'hmac',
  headers: { 'content-type': 'application/json', 'x-event': 'image.pushed', 'x-delivery': 'd-1' },
  body: Buffer.from(JSON.stringify({ event: 'image.pushed', image: 'acme/web' })),
};
const HOSTS = ['https://github.com/', 'https://gitlab.example.com/', 'https://git.example.com/'];

const engine = await engineForTests();

describe('webhooks by way of the customer’s own queue', () => {
  let system: System;
  let commit: string;
  let image: string | undefined;
  const customers = new Map<Kind, Customer>();
  const customer = (kind: Kind) => customers.get(kind)!;

  beforeAll(async () => {
    system = await startSystem({ separate: true, env: { HYBRID_QUEUE_LEASE_SECONDS: '5' } });
    const { directory } = system.platform;
    commit = await repositories(join(directory, 'repositories'));
    const env = { HOME: join(directory, 'repositories'), HYBRID_SECRET_TOKEN: 'of-the-customer' };
    await system.startAgent('agent-1', { capacity: 6, env });
    if ('engine' in engine) {
      image = await importBusybox(engine.engine);
      const args = ['--executor', 'docker', '--default-image', image];
      await system.startAgent('agent-2', { args, env });
    }
    const url = 'https://git.example.com/acme/web.git';
    for (const [name, definition, more] of [
      ['web', build('web'), { repository: 'acme/web' }],
      ['hello', build('hello'), { repository: 'Codertocat/Hello-World' }],
      ['by-rule', build('by-rule'), { clone_url: url }],
      ['deploy', DEPLOY, {}],
    ] as const)
      await system.admin(`PUT /api/pipelines/${name}`, { json: { definition, ...more } });
    await Promise.all(
      Object.keys(QUEUES).map(async (name) => {
        const kind = name as Kind;
        customers.set(
          kind,
          await Customer.start(system, { name, queue: kind, routes: ROUTES, decisions: true }),
        );
      }),
    );
  });
  afterAll(async () => {
    await Promise.all([...customers.values()].map((one) => one.stop()));
    await system?.stop();
    if (image && 'engine' in engine) await engine.engine.getImage(image).remove({ force: true });
  });

  /** Once it is decided and carried out. */
  const decided = (id: string) =>
    eventually(async () => {
      const { status, body } = await system.admin<DeliveryView>(`GET /api/deliveries/${id}`);
      expect([status, body.status]).toEqual([200, 'SENT']);
      return body;
    }, 120_000);
  const ended = (id: string) =>
    eventually(async () => {
      const { body } = await system.admin<RunView>(`GET /api/runs/${id}`);
      expect(['SUCCEEDED', 'FAILED', 'CANCELLED']).toContain(body.status);
      return body;
    }, 120_000);
  const runsOf = async (id: string) => {
    const { body } = await system.admin<{ runs: RunSummary[] }>('GET /api/runs?limit=100');
    return body.runs.filter(({ started_by }) => started_by === `delivery/${id}`);
  };
  const planted = (webhook: RecordedWebhook): RecordedWebhook => {
    const payload = { ...(JSON.parse(webhook.body.toString()) as object), canary: canary.value('payload') };
    return { ...webhook, body: Buffer.from(JSON.stringify(payload)) };
  };
  const webhooks = (): RecordedWebhook[] => [
    ...['github-push', 'gitlab-push', 'bitbucket-push', 'gitea-push'].map((name) => atCommit(name, commit)),
    atCommit('standard-event', commit),
    HMAC,
  ];

  it.each(Object.keys(QUEUES) as Kind[])(
    'of every host, by a queue of the kind %s: each becomes a run, which succeeds at its commit',
    async (kind) => {
      const headers = { 'x-canary': canary.value('header'), cookie: canary.value('cookie') };
      const answers = await Promise.all(
        webhooks().map((webhook) => customer(kind).send(planted(webhook), headers)),
      );
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 202]);
      const deliveries = await Promise.all(answers.map(({ id }) => decided(id!)));
      const runs = await Promise.all(deliveries.map(({ decisions: [one] }) => ended(one!.runs[0]!.run_id)));
      expect(runs.map(({ pipeline, status }) => `${pipeline} ${status}`)).toEqual([
        'hello SUCCEEDED',
        'web SUCCEEDED',
        'web SUCCEEDED',
        'web SUCCEEDED',
        'by-rule SUCCEEDED',
        'by-rule SUCCEEDED',
      ]);
      expect(runs.slice(0, 4).map(({ source }) => source?.commit)).toEqual([commit, commit, commit, commit]);
      expect(deliveries.map(({ connection }) => connection)).toEqual(Array.from(runs, () => kind));
    },
  );

  describe('that is not what the host sent', () => {
    const numbers = { github: 1, gitlab: 2, bitbucket: 3, gitea: 4, standard: 5, hmac: 6 };

    it.each([0, 1, 2, 3, 4, 5].map((index) => [Object.keys(numbers)[index], index]))(
      '%s: an altered byte, a wrong signature and none are refused, and nothing is on the queue',
      async (_, index) => {
        const one = customer('directory');
        const webhook = another(webhooks()[index as number]!, 1000 + (index as number));
        const { headers, body } = signedWebhook(webhook);
        const unsigned = webhook.headers;
        const wrong = signedWebhook(webhook, WRONG[webhook.tool]).headers;
        const sentBefore = await sent(one);
        expect((await one.post(webhook.tool, unsigned, body)).status).toBe(401);
        expect((await one.post(webhook.tool, wrong, body)).status).toBe(401);
        if (webhook.tool !== 'gitlab') {
          const altered = Buffer.from(body);
          altered[altered.length - 2]! ^= 1;
          expect((await one.post(webhook.tool, headers, altered)).status).toBe(401);
        }
        // What is right is taken, and is the only one that reaches the queue.
        const { id } = await one.post(webhook.tool, headers, body);
        await decided(id!);
        expect(await sent(one)).toBe(sentBefore + 1);
      },
    );

    const sent = async (one: Customer) =>
      Number(
        /^hybrid_webhook_relay_deliveries_sent_total(?:\{[^}]*\})? (\d+)/m.exec(await one.metrics())?.[1] ??
          0,
      );
  });

  it.each(['nats', 'redis', 'directory'] as Kind[])(
    'ten at once, replayed later, and with another delivery id: one run (%s)',
    async (kind) => {
      const webhook = another(atCommit('github-push', commit), 10);
      const ten = await Promise.all(Array.from({ length: 10 }, () => customer(kind).send(webhook)));
      const [first] = ten;
      expect(new Set(ten.map(({ id }) => id))).toEqual(new Set([first!.id]));
      expect(ten.filter(({ outcome }) => outcome === 'accepted')).toHaveLength(1);
      await decided(first!.id!);
      const later = await customer(kind).send(webhook);
      const forged = await customer(kind).send(webhook, { 'x-github-delivery': 'forged-by-mallory' });
      for (const again of [later, forged])
        expect(again).toEqual({ status: 200, outcome: 'duplicate', id: first!.id });
      const after = await customer(kind).send(another(webhook, 11));
      await decided(after.id!);
      expect(await runsOf(first!.id!)).toHaveLength(1);
    },
  );

  describe('pull requests', () => {
    const pullRequest = async (name: string) => {
      const { id } = await customer('nats').send(atCommit(name, commit));
      const { decisions, delivery } = await decided(id!);
      return { run_id: decisions[0]!.runs[0]!.run_id, delivery: delivery! };
    };

    it('of the repository itself get what the pipeline asks for', async () => {
      const { run_id, delivery } = await pullRequest('gitlab-merge-request');
      expect(delivery.metadata.fork).toBe(false);
      expect(await ended(run_id)).toMatchObject({ status: 'SUCCEEDED' });
    });

    const title = 'reason' in engine ? `(skipped: ${engine.reason})` : '';
    ('reason' in engine ? it.skip : it)(
      `of a fork wait, run in a container once a person approves, and get no secrets ${title}`,
      async () => {
        const { run_id, delivery } = await pullRequest('gitlab-merge-request-fork');
        expect(delivery.metadata.fork).toBe(true);
        const { body: waiting } = await system.admin<RunView>(`GET /api/runs/${run_id}`);
        expect(waiting).toMatchObject({ status: 'WAITING', waits_for: 'approval' });
        expect(waiting.steps.map(({ job_id }) => job_id)).toEqual([null, null]);
        expect((await system.admin(`POST /api/runs/${run_id}/approve`)).status).toBe(200);
        const run = await ended(run_id);
        expect(run.steps.map(({ id, status }) => `${id} ${status}`)).toEqual([
          'tests SUCCEEDED',
          'deploy FAILED',
        ]);
        expect(JSON.stringify(run)).toContain('its commits come from a fork');
      },
    );
  });

  describe('rules', () => {
    const routes = (match: string) => ({
      match,
      rules: [
        { name: 'docs', when: { repository: 'acme/*', author: 'robot' }, then: { do: 'ignore' } },
        {
          name: 'tell',
          when: { repository: 'acme/*', branch: 'main' },
          then: { do: 'send', message: { branch: '{{metadata.branch}}', by: '{{metadata.author}}' } },
        },
        { name: 'also', when: { repository: 'acme/*', kind: 'push' }, then: { do: 'triggers' } },
        { name: 'quiet', when: { repository: 'Codertocat/*' }, then: { do: 'ignore' } },
      ],
      default: { do: 'run', pipeline: 'by-rule' },
    });
    const decisionsOf = async (webhook: RecordedWebhook) => {
      const { id } = await customer('directory').send(webhook);
      const { decisions } = await decided(id!);
      const made = decisions.map(({ rule, do: verb, runs }) => `${rule}: ${verb} ${runs.length}`);
      return { id, made };
    };

    it('decide by the first that fits, by all, or by the default; messages arrive on the customer’s queue', async () => {
      const one = customer('directory');
      await one.apply(routes('first'));
      const push = another(atCommit('gitea-push', commit), 20);
      const first = await decisionsOf(push);
      expect(first.made).toEqual(['tell: send 0']);
      expect((await decisionsOf(another(atCommit('github-push', commit), 20))).made).toEqual([
        'quiet: ignore 0',
      ]);
      expect((await decisionsOf(atCommit('gitea-tag', commit))).made).toEqual(['null: run 1']);
      await one.apply(routes('all'));
      const all = await decisionsOf(another(push, 21));
      expect(all.made).toEqual(['tell: send 0', 'also: triggers 1']);

      const reader = await openReader({
        kind: 'directory',
        path: join(system.platform.directory, 'queues', 'directory-decisions'),
      });
      const { signal } = new AbortController();
      const messages = await reader.receive({ max: 10, waitMs: 5_000, signal });
      await reader.close();
      const told = messages.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
      const about = { rule: 'tell', repository: 'acme/web', message: { branch: 'main', by: 'jane' } };
      expect(told).toEqual([
        expect.objectContaining({ delivery_id: first.id, ...about }),
        expect.objectContaining({ delivery_id: all.id, ...about }),
      ]);
    });
  });

  it('leave nothing behind them in the control plane but what a configuration names', async () => {
    const found = { canary: [] as string[], commit: 0 };
    for await (const { place, where, bytes } of everythingKept(system, {})) {
      // The servers' files hold what was asked of them already.
      if (/^files of (postgres|nats|event-store)/.test(place)) continue;
      found.canary.push(...canary.in(bytes).map(({ form }) => `${place}, ${where}, ${form}`));
      if (bytes.includes(commit)) found.commit += 1;
    }
    expect(found.canary).toEqual([]);
    expect(found.commit).toBeGreaterThan(0);
  });
});

const WRONG: Record<RecordedWebhook['tool'], string> = {
  github: 'wrong',
  gitlab: 'wrong',
  bitbucket: 'wrong',
  gitea: 'wrong',
  standard: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  hmac: 'wrong',
};

/** A home whose git finds the hosts' repositories on this machine. Answers the commit that all of them have. */
async function repositories(home: string): Promise<string> {
  const { path, commit } = await makeRepository(join(home, 'one'), { 'source.txt': 'lawful\n' });
  for (const name of ['acme/web.git', 'acme/web', 'mallory/web.git', 'Codertocat/Hello-World.git']) {
    await mkdir(join(home, name, '..'), { recursive: true });
    await symlink(path, join(home, name));
  }
  const hosts = [...HOSTS, 'https://bitbucket.org/'].map((host) => `\tinsteadOf = ${host}\n`);
  await writeFile(join(home, '.gitconfig'), `[url "${home}/"]\n${hosts.join('')}[safe]\n\tdirectory = *\n`);
  return commit;
}
