import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { queueRequests } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { startScene, type Scene } from './scene.fixtures.js';

const STEPS = 200;
/** Five seconds on a quiet machine. Side by side, a hundred results took two minutes. */
const LIMIT_MS = 60_000;

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
  await scene.serve();
});
afterAll(() => scene?.stop());

it(`a run takes the results of ${STEPS} steps as they come`, async () => {
  const step = (name: string, needs: string[]) =>
    `  - {name: ${name}, pool: wide, type: step.shell_exec, needs: [${needs.join(', ')}], config: {commands: [make]}}`;
  const wide = Array.from({ length: STEPS }, (_, index) => `s${index}`);
  const steps = [step('first', []), ...wide.map((name) => step(name, ['first'])), step('last', wide)];
  const pipeline = await scene.define('wide', `steps:\n${steps.join('\n')}`);
  const agent = callBy('agent', 'agent-1');
  const begun = performance.now();
  const { id } = await scene.start(pipeline);
  for (let done = 0; done < STEPS + 2;) {
    const wanted = { agent_id: 'agent-1', pool: 'wide', count: 50, wait_seconds: 5 };
    const jobs = await scene.send(queueRequests.claim, wanted, agent);
    await Promise.all(
      jobs.map(async (job) => {
        const attempt = {
          ...{ job_id: job.id, agent_id: 'agent-1' },
          ...{ attempt: job.attempt, lease_token: job.lease_token },
        };
        await scene.send(queueRequests.start, attempt, agent);
        await scene.send(queueRequests.complete, { ...attempt, exit_code: 0 }, agent);
      }),
    );
    done += jobs.length;
  }
  await scene.reached(id, 'SUCCEEDED');
  const took = performance.now() - begun;
  expect(took).toBeLessThan(LIMIT_MS);
});
