import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeGateway } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('hybrid consumer', () => {
  let gateway: FakeGateway;
  let url: string;
  const run = (...args: string[]) => cliResult(runCli(['consumer', ...args], { url, cwd: root }));

  beforeEach(async () => {
    gateway = new FakeGateway([]);
    url = await gateway.listen();
  });
  afterEach(() => gateway.close());

  it('list shows how far each one is, what is parked and who is silent', async () => {
    const consumers = [{ durable: 'pipelines-jobs', pending: 3, in_progress: 2, parked: 1 }];
    gateway.answers.set('GET /api/operations/consumers', {
      status: 200,
      body: { consumers, total: 1, services: { pipelines: 'answered', queue: 'unreachable' } },
    });
    const { code, stdout, stderr } = await run('list');
    expect(stdout.split('\n')[1]).toMatch(/^pipelines-jobs +3 +2 +1$/);
    expect(stderr).toBe('queue: unreachable\n');
    expect(code).toBe(3);
  });

  it('replay says what failed again, and ends with 1 while events are parked still', async () => {
    const answers = (parked: number, failed: object[]) =>
      gateway.answers.set('POST /api/operations/consumers/pipelines-jobs/replay', {
        status: 200,
        body: { durable: 'pipelines-jobs', replayed: 2, parked, failed },
      });
    answers(1, [{ event_id: 'e-1', reason: 'no \u001b[2Jroom' }]);
    const first = await run('replay', 'pipelines-jobs');
    expect(first.stdout).toBe('pipelines-jobs: 2 events replayed, 1 parked still\n');
    expect(first.stderr).toBe('pipelines-jobs: event e-1 failed again: no room\n');
    expect(first.code).toBe(1);
    answers(0, []);
    expect((await run('replay', 'pipelines-jobs')).code).toBe(0);
  });
});
