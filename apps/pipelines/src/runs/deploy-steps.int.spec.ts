import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentsRequests, queueRequests, type JobView } from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Handle, MessageController } from '@hybrid/messaging';
import { runDecider, type RunEvent, type RunState } from '@hybrid/pipeline';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelinesModule } from '../app.module.js';

const golden = join(import.meta.dirname, '../../../../libs/pipeline/src/runs/golden');
const stored = <T extends RunEvent['type']>(type: T) =>
  JSON.parse(readFileSync(join(golden, `${type}.json`), 'utf8')) as Extract<RunEvent, { type: T }>;

/** In place of queue and deployments: remembers what it was sent. */
const sent: { to: string; body: Record<string, unknown> }[] = [];

@MessageController()
class Others {
  @Handle(queueRequests.enqueue)
  enqueue(@Payload() body: Record<string, unknown>): JobView {
    sent.push({ to: 'queue', body });
    return {} as JobView;
  }

  @Handle(deploymentsRequests.start)
  start(@Payload() body: Record<string, unknown>): JobView {
    sent.push({ to: 'deployments', body });
    return {} as JobView;
  }
}

@Module({ controllers: [Others] })
class OthersModule {}

describe('a step that was queued', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform();
    await platform.serve(OthersModule);
    await platform.serve(PipelinesModule);
  });
  afterAll(() => platform?.stop());

  async function queued(type: string): Promise<string> {
    const run_id = randomUUID();
    const begun = stored('RunStarted');
    const step = stored('StepQueued');
    step.data.job = { ...step.data.job, run_id, job_id: run_id };
    step.data.job.spec.step.type = type;
    const writer = new Things<RunState, { events: RunEvent[] }, RunEvent>(
      platform.connections.eventStore,
      'run',
      { ...runDecider, decide: ({ events }) => events },
    );
    const events = [{ ...begun, data: { ...begun.data, run_id, started_by: 'ada' } }, step];
    await writer.handle(run_id, { events }, callBy('user', 'ada'));
    return run_id;
  }

  it('goes to the queue, and to the deployments service with who wanted it if it deploys', async () => {
    const shell = await queued('step.shell_exec');
    const deploy = await queued('step.deploy');
    await eventually(() => expect(sent).toHaveLength(2));
    expect(sent).toEqual(
      expect.arrayContaining([
        { to: 'queue', body: expect.objectContaining({ job_id: shell }) },
        {
          to: 'deployments',
          body: { job: expect.objectContaining({ job_id: deploy }), requested_by: 'ada' },
        },
      ]),
    );
  });
});
