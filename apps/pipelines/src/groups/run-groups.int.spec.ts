import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pipelinesRequests } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { startScene, type Scene } from '../runs/scene.fixtures.js';

describe('a concurrency group of runs', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await startScene();
  });
  afterAll(() => scene?.stop());

  const define = (name: string, cancel_in_progress: boolean) =>
    scene.define(
      name,
      `concurrency: { group: "${name}-{{.Branch}}", cancel_in_progress: ${cancel_in_progress} }
steps:
  - { name: work, pool: ${name}, type: step.shell_exec, config: { commands: [make] } }
  - { name: tidy, pool: ${name}, needs: [work], if: cancelled(), type: step.shell_exec, config: { commands: [make] } }`,
    );
  const statusOf = async (id: string) => (await scene.run(id)).status;

  it('runs one at a time and then the newest, and cancels what waited before it', async () => {
    const stops = [await scene.serve(), await scene.serve()];
    const pipeline = await define('deploy', false);
    const first = await scene.start(pipeline);
    expect(first.status).toBe('WAITING');
    const job = await scene.take('deploy', 'work');
    const second = await scene.start(pipeline);
    await eventually(async () =>
      expect(
        (await scene.eventsOf(await groupStream())).filter((type) => type === 'RunHeldBack'),
      ).toHaveLength(1),
    );
    const third = await scene.start(pipeline);
    const replaced = await scene.reached(second.id, 'CANCELLED');
    expect(replaced.message).toContain(`run ${third.id} is newer`);
    expect(await statusOf(third.id)).toBe('WAITING');
    expect(await statusOf(first.id)).toBe('RUNNING');
    const elsewhere = await scene.start(pipeline, { source: { repository: 'r', ref: 'other' } });
    await scene.work('deploy', 'work');
    await scene.reached(elsewhere.id, 'SUCCEEDED');
    await scene.complete(job);
    await scene.work('deploy', 'work');
    await scene.reached(first.id, 'SUCCEEDED');
    await scene.reached(third.id, 'SUCCEEDED');
    for (const stop of stops) await stop();
  });

  it('cancels the run at work where that is wanted, which cleans up before the next one begins', async () => {
    const stop = await scene.serve();
    const pipeline = await define('preview', true);
    const first = await scene.start(pipeline);
    await scene.take('preview', 'work');
    const second = await scene.start(pipeline);
    const cancelling = await scene.reached(first.id, 'CANCELLING');
    expect(cancelling.message).toContain(`run ${second.id} of the concurrency group`);
    const tidy = await scene.take('preview', 'tidy');
    expect(await statusOf(second.id)).toBe('WAITING');
    await scene.complete(tidy);
    await scene.reached(first.id, 'CANCELLED');
    await scene.work('preview', 'work');
    await scene.reached(second.id, 'SUCCEEDED');
    await stop();
  });

  it('loses no run and lets no two work when replicas are killed', async () => {
    let replica = await scene.spawn();
    const pipeline = await define('killed', false);
    const ids: string[] = [];
    for (let round = 0; round < 2; round++) {
      const { id } = await scene.start(pipeline);
      ids.push(id);
      // Between what is stored and what follows from it, or not: whatever it is just at.
      await replica.kill();
      replica = await scene.spawn();
      expect((await working()).length).toBeLessThanOrEqual(1);
      if (round % 2 === 1) await scene.work('killed', 'work');
    }
    const ended = async () => {
      const views = await Promise.all(ids.map((id) => scene.run(id)));
      return views.filter(({ status }) => status === 'SUCCEEDED' || status === 'CANCELLED');
    };
    await eventually(async () => {
      for (const { id } of (await scene.send(pipelinesRequests.listRuns, { status: 'RUNNING', pipeline }))
        .items)
        if ((await scene.run(id)).steps[0]!.status === 'QUEUED') await scene.work('killed', 'work');
      expect(await ended()).toHaveLength(ids.length);
    }, 120_000);
    expect((await scene.run(ids.at(-1)!)).status).toBe('SUCCEEDED');
    await replica.stop();

    async function working() {
      const views = await Promise.all(ids.map((id) => scene.run(id)));
      return views.filter(({ status }) => status === 'RUNNING' || status === 'CANCELLING');
    }
  });

  /** Of the first group, when a run has entered it. Read to the end: a stream that is left open is waited for. */
  async function groupStream(): Promise<string> {
    const streams: string[] = [];
    for await (const { event } of scene.platform.connections.eventStore.readAll())
      if (event?.type === 'RunAdmitted') streams.push(event.streamId);
    return streams[0]!;
  }
});
