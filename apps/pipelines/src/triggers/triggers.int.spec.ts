import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pipelinesRequests, type FireTriggers, type TriggerEvent } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startScene, type Scene } from '../runs/scene.fixtures.js';

const ROUTING = callBy('service', 'routing');
const BOB = { user_id: 'bob', email: 'bob@acme.example' };
/** More than a sweep and the read model take, on a machine that is busy. */
const PATIENCE_MS = 60_000;
const steps = (pool: string) =>
  `steps:\n  - { name: make, type: step.shell_exec, pool: ${pool}, config: { commands: [make] } }`;
const push: TriggerEvent = {
  kind: 'push',
  repository: 'acme/web',
  clone_url: 'https://git.example/acme/web.git',
  branch: 'main',
  tag: null,
  commit: 'abcdef0123',
  pull_request: null,
  base_branch: null,
  fork: false,
  author: 'ada',
  paths: null,
};

describe('what starts runs by itself', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await startScene();
    for (let replica = 0; replica < 2; replica++) await scene.serve();
  });
  afterAll(() => scene?.stop());

  const put = (name: string, on: string, more: object = {}, text = steps(name)) =>
    scene.send(pipelinesRequests.put, {
      definition: `name: ${name}\non: ${on}\n${text}`,
      repository: `acme/${name}`,
      ...more,
    });
  const fire = (repository: string, change: Partial<TriggerEvent> = {}, delivery_id = randomUUID()) =>
    scene.send(
      pipelinesRequests.fireTriggers,
      { delivery_id, event: { ...push, repository, ...change } },
      ROUTING,
    );
  const runsOf = async (pipeline: string) =>
    (await scene.send(pipelinesRequests.listRuns, { pipeline })).items;

  it('is a push, as soon as the pipeline is stored', async () => {
    const view = await put('web', '{push: {branches: [main]}}', {
      clone_url: push.clone_url,
      signature: 'a.b.c',
    });
    expect(view).toMatchObject({
      repository: 'acme/web',
      clone_url: push.clone_url,
      signed: true,
      version: 1,
    });
    await put('docs', '{push: {paths: ["docs/**"]}}', { repository: 'ACME/web' });
    await put('asks', '{push: {}, manual: {inputs: {v: {type: string, required: true}}}}', {
      repository: 'acme/web',
    });
    await put('elsewhere', 'push', { repository: 'acme/other' });
    const fired = await fire('acme/web', { paths: ['src/a.ts'] });
    expect(fired).toMatchObject({
      runs: [{ pipeline: 'web' }],
      passed_over: [
        { pipeline: 'asks', why: expect.stringContaining('it needs `v`') as unknown },
        { pipeline: 'docs', why: 'none of 1 changed files fits "docs/**"' },
      ],
    });
    expect(await scene.run(fired.runs[0]!.run_id)).toMatchObject({
      status: 'RUNNING',
      started_by: expect.stringMatching(/^delivery\//) as unknown,
      source: { repository: push.clone_url, commit: 'abcdef0123', ref: 'main' },
    });
    await eventually(async () =>
      expect((await scene.send(pipelinesRequests.triggers, {})).items).toContainEqual({
        ...{ pipeline: 'web', repository: 'acme/web', kind: 'push', when: 'branches main' },
        ...{ last_run_id: fired.runs[0]!.run_id, last_fired_at: expect.any(String) as unknown },
      }),
    );
  });

  it('is of the pipeline’s own host, whatever others call their repositories', async () => {
    const twin = 'https://other.example/acme/twin.git';
    await put('twin', 'push', { clone_url: 'https://git.example/acme/twin.git' });
    await put('twin-by-name', 'push', { repository: 'git.example/acme/twin' });
    await put('twin-of-both', 'push', { repository: 'acme/twin' });
    const runs = async (clone_url: string | null) =>
      (await fire('acme/twin', { clone_url })).runs.map(({ pipeline }) => pipeline);
    expect(await runs('https://git.example/acme/twin.git')).toEqual(['twin', 'twin-by-name', 'twin-of-both']);
    expect(await runs(twin)).toEqual(['twin-of-both']);
    expect(await fire('acme/twin', { clone_url: twin })).toMatchObject({
      passed_over: [{ pipeline: 'twin', why: expect.stringContaining('other.example/acme/twin') as unknown }],
    });
    // Nothing to clone is named by the event, and the pipeline's own repository is not the one that it is about.
    await put('twin-of-both', 'manual', { repository: 'acme/twin' });
    expect(await runs(null)).toEqual([]);
  });

  it('is heard of the routing service alone', async () => {
    const event: FireTriggers = { delivery_id: randomUUID(), event: push };
    for (const call of [callBy('user', 'ada'), callBy('service', 'queue'), callBy('key', 'routing')])
      await expect(scene.send(pipelinesRequests.fireTriggers, event, call)).rejects.toMatchObject({
        problem: { code: 'forbidden' },
      });
  });

  it('refuses an address with a password', async () => {
    for (const clone_url of ['https://ada:pw@git.example/r.git', 'https://token@git.example/r.git'])
      await expect(put('secret', 'push', { clone_url })).rejects.toMatchObject({
        problem: { code: 'clone_url_invalid' },
      });
    await put('by-ssh', 'push', { clone_url: 'git@git.example:acme/r.git' });
  });

  it('starts one run, ten at once, with a kill in between, and a new version after it', async () => {
    await put('once', 'push');
    const doomed = await scene.spawn();
    const delivery = randomUUID();
    const all = Array.from({ length: 10 }, () => fire('acme/once', {}, delivery).catch(() => null));
    await Promise.race(all);
    await doomed.kill();
    await Promise.all(all);
    const fired = await fire('acme/once', {}, delivery);
    await put('once', '{push: {branches: [other]}}');
    expect(await fire('acme/once', {}, delivery)).toEqual(fired);
    await eventually(async () => expect(await runsOf('once')).toHaveLength(1));
    expect(await scene.eventsOf(`run-${fired.runs[0]!.run_id}`)).toEqual(['RunStarted', 'StepQueued']);
  });

  it('is a rule, which names the pool and gives inputs as texts', async () => {
    const text = `steps:\n  - { name: make, type: step.shell_exec, pool: named, config: { commands: ["make {{.Inputs.n}} {{.Inputs.b}}"] } }`;
    await put(
      'ruled',
      '{manual: {inputs: {n: {type: number, required: true}, b: {type: boolean}}}}',
      {},
      text,
    );
    const request = { pipeline_id: 'ruled', delivery_id: randomUUID(), rule: 'nightly', event: push };
    const start = (inputs: Record<string, string>) =>
      scene.send(pipelinesRequests.startByRoute, { ...request, pool: 'ruled', inputs }, ROUTING);
    await expect(start({ n: 'many' })).rejects.toMatchObject({ problem: { code: 'inputs_invalid' } });
    const [first, again] = await Promise.all([start({ n: '7', b: 'true' }), start({ n: '7', b: 'true' })]);
    expect(again.id).toBe(first.id);
    const job = await scene.take('ruled', 'make');
    expect(job.spec.step.config).toEqual({ commands: ['make 7 true'] });
  });

  it('waits for approval where the commits come from a fork, and its jobs are not trusted', async () => {
    await put('pulled', 'pull_request');
    const pull = { kind: 'pull_request', branch: 'main', base_branch: 'main', pull_request: 7 } as const;
    const { runs } = await fire('acme/pulled', { ...pull, fork: true, author: 'Bob' });
    const { run_id } = runs[0]!;
    expect(await scene.run(run_id)).toMatchObject({
      ...{ status: 'WAITING', waits_for: 'approval' },
      source: { ref: 'pull/7' },
    });
    const approve = (person: typeof BOB | null) =>
      scene.send(pipelinesRequests.approveRun, { run_id, person });
    await expect(approve(null)).rejects.toMatchObject({ problem: { code: 'run_needs_person' } });
    await expect(approve(BOB)).rejects.toMatchObject({ problem: { code: 'own_run' } });
    await expect(approve({ user_id: '1', email: 'bob@x.example' })).rejects.toMatchObject({
      problem: { code: 'own_run' },
    });
    const cy = { user_id: 'cy', email: 'cy@acme.example' };
    expect(await approve(cy)).toMatchObject({ status: 'RUNNING', approved_by: 'cy' });
    await approve(cy);
    const job = await scene.take('pulled', 'make');
    expect(job.spec).toMatchObject({ untrusted: true });
    await scene.complete(job);
    await scene.reached(run_id, 'SUCCEEDED');
    expect(await scene.eventsOf(`run-${run_id}`)).toEqual([
      ...[
        'RunStarted',
        'RunHeld',
        'RunApproved',
        'StepQueued',
        'StepStarted',
        'StepSucceeded',
        'RunSucceeded',
      ],
    ]);
    // What it made is nothing for runs after it.
    await eventually(async () => expect((await runsOf('pulled'))[0]!.status).toBe('SUCCEEDED'));
    const next = await scene.start('pulled');
    for await (const { event } of scene.platform.connections.eventStore.readStream(`run-${next.id}`))
      if (event!.type === 'RunStarted') expect(event!.data).toMatchObject({ previous_execution_id: null });
    // Again is not trusted either.
    const retry = { run_id, new_run_id: randomUUID(), from: 'start' as const };
    expect(await scene.send(pipelinesRequests.retryRun, retry)).toMatchObject({ waits_for: 'approval' });
  });

  it('is a time: three replicas start one run for the latest one, also where one is killed', async () => {
    const later = new Date(Date.now() + 12 * 3_600_000);
    const cron = `${later.getUTCMinutes()} ${later.getUTCHours()} * * *`;
    await put('timed', `{schedule: "${cron}"}`, { clone_url: push.clone_url });
    const third = await scene.spawn();
    const row = async () =>
      (await scene.send(pipelinesRequests.schedules, {})).items.find(({ pipeline }) => pipeline === 'timed');
    const next = await eventually(async () => {
      const found = await row();
      expect(found).toMatchObject({ cron, last_run_id: null });
      return found!.next_at;
    });
    expect(Date.parse(next!)).toBeGreaterThan(Date.now());
    // As if nobody had been there for three days.
    const { pool } = scene.platform.connections;
    await pool.query(`update pipelines.triggers set due = due - interval '3 days' where pipeline = 'timed'`);
    await eventually(async () => expect(await runsOf('timed')).toHaveLength(1), PATIENCE_MS);
    await third.kill();
    await eventually(async () => expect((await row())!.next_at).toBe(next), PATIENCE_MS);
    const [run] = await runsOf('timed');
    const due = new Date(Date.parse(next!) - 24 * 3_600_000).toISOString();
    expect(run).toMatchObject({ started_by: `schedule/${due}`, source: { repository: push.clone_url } });
    expect(await row()).toMatchObject({ last_run_id: run!.id });
    // A replica that is behind finds it due again, and started.
    await pool.query(`update pipelines.triggers set due = now() - interval '1 day' where pipeline = 'timed'`);
    await scene.send(pipelinesRequests.cancelRun, { run_id: run!.id, reason: 'enough' });
    await put('timed', 'manual');
    await eventually(async () => expect(await row()).toBeUndefined());
    expect(await runsOf('timed')).toHaveLength(1);
  });

  it('is another pipeline, at the same commit, but never without end', async () => {
    const there = { clone_url: push.clone_url };
    await put('build', '{push: {}, pipeline: [deploy]}', there);
    await put('deploy', '{pipeline: build}', there);
    const { runs } = await fire('acme/build');
    for (let round = 0; round <= 10; round++) await scene.work(round % 2 ? 'deploy' : 'build', 'make');
    const all = await eventually(async () => {
      const found = [...(await runsOf('build')), ...(await runsOf('deploy'))];
      expect(found.filter(({ status }) => status === 'SUCCEEDED')).toHaveLength(11);
      return found;
    });
    expect(all).toHaveLength(11);
    expect(all).toContainEqual(expect.objectContaining({ started_by: `run/${runs[0]!.run_id}` }));
    expect(new Set(all.map(({ source }) => source?.commit))).toEqual(new Set(['abcdef0123']));
  });
});
