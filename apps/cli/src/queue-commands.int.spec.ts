import { fileURLToPath } from 'node:url';
import type { JobExplanation, PoolView, QueueFigures, QueuePart, QueueVerification } from '@hybrid/contracts';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeGateway } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const TIME = '2026-01-01T00:00:00.000Z';
const LATER = '2026-01-01T00:01:30.000Z';
const JOB = '/api/queue/jobs/j1';
const VERIFICATION = '/api/queue/verification';

describe('the commands of the queue', () => {
  let gateway: FakeGateway;
  let url: string;
  const cli = (...args: string[]) => cliResult(runCli(args, { url, cwd: root }));
  const answers = (request: string, body: unknown, status = 200) =>
    gateway.answers.set(request, { status, body });
  const sent = () =>
    gateway.requests.map(({ method, path, body }) => ({ request: `${method} ${path}`, body })).at(-1);

  beforeEach(async () => {
    gateway = new FakeGateway([]);
    url = await gateway.listen();
  });
  afterEach(() => gateway.close());

  describe('hybrid job', () => {
    it('get and view show one; list says where the next ones are', async () => {
      const job = {
        id: 'j1',
        name: 'build \u001b[2J',
        status: 'QUEUED',
        pool: 'p',
        priority: 'LOW',
        attempt: 0,
      };
      const whole = { ...job, max_attempts: 3, created_at: TIME, started_at: TIME, completed_at: LATER };
      answers(`GET ${JOB}`, whole);
      for (const name of ['get', 'view'])
        expect((await cli('job', name, 'j1')).stdout).toMatch(/^priority +LOW$/m);
      answers('GET /api/queue/jobs', { jobs: [whole], total: 7, next_cursor: 'xyz' });
      const { stdout, stderr } = await cli('job', 'list', '--pool', 'p', '--limit', '1');
      expect(stdout.split('\n')[1]).toMatch(/^j1 +build +QUEUED +p +LOW +0\/3 .* ago +1 min 30 s$/);
      expect(stderr).toBe('7 in all; the next ones: --cursor xyz\n');
    });

    it('logs prints what is there, follows to the end, and knows when there is no such job', async () => {
      const lines = [0, 1].map((seq) => ({
        attempt: 1,
        seq,
        time: TIME,
        stream: 'stdout',
        text: `line ${seq}`,
      }));
      answers(`GET ${JOB}`, { id: 'j1' });
      answers(`GET ${JOB}/logs`, { lines, next_cursor: null });
      expect((await cli('job', 'logs', 'j1')).stdout).toBe('line 0\nline 1\n');
      const [first] = (await cli('job', 'logs', 'j1', '-o', 'json')).stdout.split('\n');
      expect(JSON.parse(first!)).toEqual(lines[0]);
      gateway.answers.delete(`GET ${JOB}/logs`);
      const events = [...lines.map((data) => ({ event: 'line', data })), { event: 'end', data: {} }];
      gateway.streams.set(`${JOB}/logs`, events);
      expect(await cli('job', 'logs', 'j1', '--follow')).toEqual({
        code: 0,
        stdout: 'line 0\nline 1\n',
        stderr: '',
      });
      answers(`GET ${JOB}`, { code: 'job_not_found', detail: 'there is no job j1' }, 404);
      expect(await cli('job', 'logs', 'j1', '-f')).toMatchObject({
        code: 1,
        stderr: 'error: there is no job j1\n',
      });
    });

    it('cancel, priority and requeue say how the job stands then', async () => {
      answers(`DELETE ${JOB}`, { id: 'j1', status: 'CANCELLED' });
      expect((await cli('job', 'cancel', 'j1')).stdout).toBe('job j1 is CANCELLED\n');
      answers(`PATCH ${JOB}/priority`, { id: 'j1', priority: 'HIGH' });
      expect((await cli('job', 'priority', 'j1', 'high')).stdout).toBe('job j1 has priority HIGH\n');
      expect(sent()?.body).toEqual({ priority: 'HIGH' });
      answers(`POST ${JOB}/requeue`, { id: 'j1', status: 'QUEUED' });
      expect((await cli('job', 'requeue', 'j1')).stdout).toBe('job j1 is QUEUED\n');
    });

    it('requeue takes all dead letters that fit, and says how many are left', async () => {
      answers('POST /api/queue/jobs/requeue', { requeued: 5, job_ids: [], remaining: 2 });
      const { stdout, stderr } = await cli(
        ...['job', 'requeue', '--dead-letters', '--pool', 'p', '--run-id', 'r', '--limit', '5'],
      );
      expect(stdout).toBe('5 jobs are queued again\n');
      expect(stderr).toBe('2 more fit: say it again\n');
      expect(sent()?.body).toEqual({ status: 'DEAD_LETTERED', pool: 'p', run_id: 'r', limit: 5 });
    });

    it.each([
      [['requeue']],
      [['explain', 'j1', '--claims', 'x']],
      [['requeue', 'j1', '--dead-letters']],
      [['requeue', '--dead-letters', '--failed']],
      [['requeue', '--dead-letters', '--limit', 'x']],
      [['priority', 'j1']],
    ])('%j is wrong usage', async (args) => {
      expect((await cli('job', ...args)).code).toBe(2);
      expect(gateway.requests).toEqual([]);
    });

    it('explain tells a waiting job its reasons in order, with their numbers, and who was given what', async () => {
      const explanation: JobExplanation = {
        ...{ job_id: 'j1', status: 'QUEUED', pool: 'gpu', priority: 'LOW', effective_priority: 'NORMAL' },
        ...{ as_of: LATER, ahead: 12 },
        reasons: [
          {
            code: 'no_agent_fits',
            detail: 'none of 3 agents has label gpu=\u001b[2Jyes',
            facts: { agents: 3, missing: ['gpu=yes'], since: null, capabilities: [] },
          },
          { code: 'jobs_ahead', detail: '12 jobs come first', facts: {} },
        ],
        waits: [
          {
            ...{ attempt: 1, since: TIME, until: LATER, wait_seconds: 90, agent_id: 'a1' },
            ...{ passed_over: [], passed_over_total: 0 },
          },
          {
            ...{ attempt: 2, since: LATER, until: null, wait_seconds: 5, agent_id: null },
            passed_over: [
              {
                at: LATER,
                agent_id: 'a2',
                job_id: 'j9',
                code: 'higher_priority',
                detail: 'HIGH before NORMAL',
              },
            ],
            passed_over_total: 1,
            incomplete: true,
          },
        ],
      };
      answers(`GET ${JOB}/explain`, explanation);
      expect((await cli('job', 'explain', 'j1')).stdout).toBe(
        `job j1 is QUEUED in pool gpu, priority LOW, by its age NORMAL
why it waits, as of ${LATER}:
  1. none of 3 agents has label gpu=yes (no_agent_fits)
     agents 3; missing gpu=yes
  2. 12 jobs come first (jobs_ahead)
jobs before it: 12

attempt 1 waited 1 min 30 s from ${TIME} until agent a1 claimed it at ${LATER}

attempt 2 waited 5.0 s from ${LATER} and still waits
  agents were given another job 1 or more times:
  ${LATER}  agent a2 got job j9: HIGH before NORMAL (higher_priority)
  older claims of its pool were not looked at; --claims <n> looks at the newest n
`,
      );
      expect(JSON.parse((await cli('job', 'explain', 'j1', '-o', 'json')).stdout)).toEqual(explanation);
      await cli('job', 'explain', 'j1', '--claims', '500');
      expect(gateway.requests.at(-1)?.query).toBe('claims=500');
    });
  });

  describe('hybrid queue', () => {
    const found = (patch: Partial<QueueVerification> = {}): QueueVerification => ({
      ...{
        events: 100,
        jobs: 20,
        claims: 30,
        unexplained_claims: 0,
        undecided_claims: 0,
        divergences: [],
        divergences_total: 0,
      },
      ...{ seconds: 1.5 },
      ...patch,
    });
    const progress = { event: 'progress', data: { events: 50, claims: 15, divergences: 0 } };

    it('stats shows pools and priorities beside the whole', async () => {
      const figures: QueueFigures = {
        ...{ ended: 8, avg_wait_seconds: 1.5, p95_wait_seconds: 4, avg_execution_seconds: 100 },
        ...{ p95_execution_seconds: 0, failure_rate: 0.125 },
      };
      const part: QueuePart = {
        ...{ queued: 1, delayed: 2, running: 3, completed: 4, failed: 5, dead_lettered: 6, cancelled: 7 },
        windows: { '5m': figures, '1h': { ...figures, ended: 9 }, '24h': figures },
      };
      const stats = { ...part, ...figures, window: '1h', pools: { p: part }, priorities: { LOW: part } };
      answers('GET /api/queue/stats', stats);
      const [head, all, pool, low] = (await cli('queue', 'stats', '--window', '1h')).stdout.split('\n');
      expect(head).toMatch(/^ +QUEUED +DELAYED .* ENDED 1h +WAIT +P95 +EXECUTION +FAILURES$/);
      expect(all).toMatch(/^all +1 +2 +3 +4 +5 +6 +7 +8 +1\.5 s +4\.0 s +1 min 40 s +12\.5 %$/);
      expect(pool).toMatch(/^p +1 .* 7 +9 +1\.5 s/);
      expect(low).toMatch(/^LOW +1/);
    });

    it('verify ends with 0 when all is as it should be; its progress is for terminals', async () => {
      gateway.streams.set(VERIFICATION, [
        progress,
        { event: 'result', data: found({ unexplained_claims: 2, undecided_claims: 3 }) },
      ]);
      expect(await cli('queue', 'verify')).toEqual({
        code: 0,
        stdout: `30 claims of 20 jobs in 100 events derived again in 1.5 s
2 claims of older versions say nothing of their decision
3 claims can have come about in more ways than were tried: neither derived nor found wrong
every other claim is what the scheduler decides, and no job was lost
`,
        stderr: '',
      });
      expect(gateway.requests.at(-1)?.headers.accept).toBe('text/event-stream');
    });

    it('verify ends with 1 at a divergence, and names the first ones', async () => {
      const divergences: QueueVerification['divergences'] = [
        { position: '4711', job_id: 'j1', code: 'wrong_choice', detail: 'job j0 came first' },
      ];
      const result = found({ divergences, divergences_total: 30 });
      gateway.streams.set(VERIFICATION, [{ event: 'result', data: result }]);
      const { code, stdout } = await cli('queue', 'verify');
      expect(stdout).toContain(
        '30 divergences, the first ones:\n  at 4711, job j1: wrong_choice: job j0 came first\n',
      );
      expect(code).toBe(1);
      const json = await cli('queue', 'verify', '-o', 'json');
      expect([json.code, JSON.parse(json.stdout)]).toEqual([1, result]);
    });

    it.each([
      [
        'the queue is away',
        { event: 'failed', data: { code: 'timeout', detail: 'not answered' } },
        'not answered',
      ],
      ['it breaks off', progress, 'the server ended the verification before it was done; ask again'],
    ])('verify ends with 3 when %s', async (_, event, said) => {
      gateway.streams.set(VERIFICATION, [event]);
      expect(await cli('queue', 'verify')).toEqual({ code: 3, stdout: '', stderr: `error: ${said}\n` });
    });
  });

  it('hybrid agent get, drain, resume and deregister', async () => {
    const agent = {
      agent_id: 'a1',
      name: 'local',
      status: 'DRAINING',
      status_reason: 'asked to',
      labels: { gpu: 'yes' },
    };
    answers('GET /api/agents/a1', agent);
    expect((await cli('agent', 'get', 'a1')).stdout).toMatch(/^labels +\{"gpu":"yes"\}$/m);
    answers('POST /api/agents/a1/drain', agent);
    expect((await cli('agent', 'drain', 'a1')).stdout).toBe('agent a1 (local) is DRAINING: asked to\n');
    answers('POST /api/agents/a1/resume', { ...agent, status: 'HEALTHY', status_reason: null });
    expect((await cli('agent', 'resume', 'a1')).stdout).toBe('agent a1 (local) is HEALTHY\n');
    answers('POST /api/agents/a1/deregister', agent);
    expect((await cli('agent', 'deregister', 'a1')).stdout).toContain('agent a1 (local) is deregistered');
  });

  describe('hybrid pool', () => {
    const path = '/api/agents/pools/p/1';
    const pool: PoolView = {
      pool: 'p/1',
      agents: { HEALTHY: 2, DEGRADED: 0, UNHEALTHY: 0, OFFLINE: 1, DEAD: 0, DRAINING: 0 },
      ...{
        capacity: 4,
        running: 3,
        utilisation: 0.75,
        labels: { gpu: ['a', 'b'] },
        capabilities: ['docker'],
      },
      ...{ queue_depth: 9, oldest_wait_seconds: 90 },
      paused: { reason: 'moved', by: 'user administrator', at: TIME },
      scale: {
        ...{
          pool: 'p/1',
          desired_agents: 5,
          current_agents: 3,
          reason: '9 jobs wait',
          queue_depth: 9,
          busy: 3,
        },
        ...{ avg_execution_seconds: 40, target_wait_seconds: 30, min_agents: 0, max_agents: 100, at: TIME },
      },
      ...{ deployment_targets: [], schedule_interval_seconds: 60, workload_identity: null },
    };

    it('list and get', async () => {
      answers('GET /api/agents/pools', { pools: [pool] });
      expect((await cli('pool', 'list')).stdout.split('\n')[1]).toMatch(
        /^p\/1 +3 +3\/4 +9 +1 min 30 s +5 +moved$/,
      );
      answers(`GET ${path}`, pool);
      const { stdout } = await cli('pool', 'get', 'p/1');
      expect(stdout).toMatch(/^agents +2 HEALTHY, 1 OFFLINE$/m);
      expect(stdout).toMatch(/^labels +gpu=a\|b$/m);
      expect(stdout).toMatch(/^paused +by user administrator since .*: moved$/m);
      expect(stdout).toMatch(/^because +9 jobs wait$/m);
    });

    it('pause wants a reason; resume', async () => {
      expect((await cli('pool', 'pause', 'p/1')).code).toBe(2);
      answers(`POST ${path}/pause`, pool);
      expect((await cli('pool', 'pause', 'p/1', '--reason', 'moved')).stdout).toContain('pool p/1 is paused');
      expect(sent()?.body).toEqual({ reason: 'moved' });
      answers(`POST ${path}/resume`, pool);
      expect((await cli('pool', 'resume', 'p/1')).stdout).toBe('pool p/1 goes on\n');
    });

    it('scale tells how many agents there should be, and sets the limits that are given', async () => {
      answers(`GET ${path}/scale`, pool.scale);
      const told = `pool p/1 should have 5 agents and has 3: 9 jobs wait
from 0 to 100 agents, so that no job waits longer than 30 s
`;
      expect((await cli('pool', 'scale', 'p/1')).stdout).toBe(told);
      expect(gateway.requests.map(({ method }) => method)).toEqual(['GET']);
      answers(`POST ${path}/scale`, pool);
      expect((await cli('pool', 'scale', 'p/1', '--max', '100', '--target-wait', '30')).stdout).toBe(told);
      expect(gateway.requests.at(-2)?.body).toEqual({ max_agents: 100, target_wait_seconds: 30 });
      expect((await cli('pool', 'scale', 'p/1', '--min', 'many')).code).toBe(2);
    });
  });
});
