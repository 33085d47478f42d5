import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  deploymentsRequests,
  type DashboardSummary,
  type DeploymentDetail,
  type JobView,
  type ServiceView,
  type StepReport,
} from '@hybrid/contracts';
import { freePort } from '@hybrid/servers';
import { callBy } from '@hybrid/test-platform';
import { engineForTests, eventually, importBusybox } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startSystem, type System } from './system.js';

const environment = `hybrid-test-${process.pid}`;
const docker = await engineForTests();

/** Each service as a process with its own rights, and a real agent. */
describe('scans and deployments', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ separate: true });
    await system.startAgent('agent-1', { args: ['--deploy-to', environment] });
  });
  afterAll(() => system?.stop());

  it('a scan: its findings are in the log of events, without code and without a secret', async () => {
    const result = (level: string, line: number) => ({
      ruleId: 'no-eval',
      level,
      message: { text: 'eval is evil' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'src/a.js' },
            region: { startLine: line, snippet: { text: 'eval(the_code)' } },
          },
        },
      ],
    });
    const sarif = {
      version: '2.1.0',
      runs: [
        { tool: { driver: { name: 'own', version: '7' } }, results: [result('error', 3), result('note', 9)] },
      ],
    };
    const config = { scanner: 'own', command: ['echo', JSON.stringify(sarif)], artifact_key: 'sarif' };
    const step = { id: 'sast', name: 'sast', type: 'step.scan_sast', config };
    const { body } = await system.admin<JobView>('POST /api/queue/jobs', {
      json: { spec: { step }, max_attempts: 1, on_exhausted: 'fail' },
    });
    const job = await eventually(async () => {
      const found = await system.admin<JobView>(`GET /api/queue/jobs/${body.id}`);
      expect(found.body.status).toBe('FAILED');
      return found.body;
    });
    expect(job).toMatchObject({
      exit_code: 1,
      error_message:
        'own found 1 high, 1 low; the step fails from high on\nhigh no-eval src/a.js:3: eval is evil',
      outputs: { passed: 'false', high: '1', low: '1' },
      artifacts: [{ key: 'sarif' }],
    });
    const events = system.platform.connections.eventStore.readStream(`job-${body.id}`);
    const reports: StepReport[] = [];
    for await (const { event } of events) {
      const { report } = event!.data as { report?: StepReport };
      if (report) reports.push(report);
    }
    expect(reports).toHaveLength(1);
    expect(reports[0]!.scan).toMatchObject({
      scanner: 'own',
      scanner_version: '7',
      passed: false,
      findings: [{ line: 3 }, { line: 9 }],
    });
    expect(JSON.stringify(reports)).not.toContain('the_code');
  });

  const deploy = async (config: Record<string, unknown>): Promise<string> => {
    const job_id = randomUUID();
    const step = {
      id: 'production',
      name: 'production',
      type: 'step.deploy',
      config: { environment, ...config },
    };
    const job = {
      job_id,
      run_id: randomUUID(),
      pipeline_id: 'web',
      max_attempts: 1,
      on_exhausted: 'fail' as const,
      spec: { step },
    };
    const call = callBy('service', 'pipelines');
    await system.platform.connections.requests.send(
      deploymentsRequests.start,
      { job, requested_by: 'ada' },
      call,
    );
    return job_id;
  };
  const ended = (id: string): Promise<DeploymentDetail> =>
    eventually(async () => {
      const { body } = await system.admin<DeploymentDetail>(`GET /api/dashboard/deployments/${id}`);
      expect(body.completed_at).not.toBeNull();
      return body;
    }, 120_000);

  it('a deployment that no agent can do: failed, with the reason', async () => {
    const id = await deploy({ image: 'web:1', provider: 'aws_ecs', strategy: 'rolling' });
    expect(await ended(id)).toMatchObject({
      status: 'FAILED',
      message: 'no provider aws_ecs on this agent; it has: docker',
      service: 'web',
      requested_by: 'ada',
    });
    await eventually(async () => {
      const { body } = await system.admin<DashboardSummary>('GET /api/dashboard/summary');
      expect(body).toMatchObject({
        total_jobs: 2,
        jobs_failed: 2,
        total_deployments: 1,
        deployments_failed: 1,
        deployments_active: 0,
      });
    });
  });

  if ('reason' in docker) {
    it.skip(`deployments by Docker are not tested: ${docker.reason}`, () => undefined);
    return;
  }
  const { engine } = docker;
  it('a deployment, and one that is rolled back, as the dashboard shows them', async () => {
    const image = await importBusybox(engine);
    const port = await freePort();
    const serves = (file: string): string[] => [
      'sh',
      '-c',
      `mkdir -p /www; echo well > /www/${file}; trap "exit 0" TERM; httpd -f -p 80 -h /www & wait`,
    ];
    const config = (file: string) => ({
      service: 'shop',
      image,
      provider: 'docker',
      strategy: 'recreate',
      rollback_on_failure: true,
      health_check: {
        path: '/health',
        interval_seconds: 0.5,
        timeout_seconds: 5,
        unhealthy_threshold: 6,
        start_period_seconds: 4,
      },
      settings: { docker: { ports: [`127.0.0.1:${port}:80`], command: serves(file) } },
    });
    try {
      const first = await ended(await deploy(config('health')));
      expect(first).toMatchObject({ status: 'SUCCEEDED', message: null, previous_deployment_id: null });
      const second = await ended(await deploy(config('other')));
      expect(second).toMatchObject({
        status: 'ROLLED_BACK',
        previous_image: image,
        previous_deployment_id: first.deployment_id,
      });
      expect(second.message).toContain('GET /health answered 404');
      await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200));
      await eventually(async () => {
        const { body } = await system.admin<{ services: ServiceView[] }>('GET /api/dashboard/services');
        expect(body.services.map(({ service }) => service)).toEqual(['shop', 'web']);
        expect(body.services[0]!.environments).toMatchObject([
          { environment, deployment_id: first.deployment_id, latest: { status: 'ROLLED_BACK' } },
        ]);
      });
      const { body } = await system.admin('GET /api/dashboard/services/shop/deployments');
      expect(body).toMatchObject({
        total: 2,
        deployments: [{ status: 'ROLLED_BACK' }, { status: 'SUCCEEDED' }],
      });
    } finally {
      const label = [`hybrid.environment=${environment}`];
      for (const { Id } of await engine.listContainers({ all: true, filters: { label } }))
        await engine.getContainer(Id).remove({ force: true });
      await engine.getImage(image).remove({ force: true });
    }
  });
});
