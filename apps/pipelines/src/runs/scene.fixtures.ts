/** Replicas of the service beside a real queue, and an agent by hand, for specs. */
import {
  pipelinesRequests,
  queueRequests,
  UNTRUSTED_JOBS,
  type ClaimedJob,
  type CompleteJob,
  type Request,
  type RunView,
} from '@hybrid/contracts';
import { bundleOf, startProcess, type RunningProcess } from '@hybrid/servers';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { PipelinesModule } from '../app.module.js';

const AGENT = callBy('agent', 'agent-1');
export const ADA = callBy('user', 'ada');

export interface Scene {
  platform: Platform;
  send<I, O>(request: Request<I, O>, input: I, call?: typeof ADA): Promise<O>;
  /** Starts another replica of the service; answers how to stop it. */
  serve(): Promise<() => Promise<void>>;
  /** The same as a process of its own, which can be killed. */
  spawn(): Promise<RunningProcess>;
  /** Defines a pipeline by its text after the name; answers its name. */
  define(name: string, text: string): Promise<string>;
  start(pipeline: string, more?: object): Promise<RunView>;
  run(id: string): Promise<RunView>;
  /** When it has this status. */
  reached(id: string, status: RunView['status']): Promise<RunView>;
  /** Takes the next job of the pool, which must be this step's, and begins it. */
  take(pool: string, step: string): Promise<ClaimedJob>;
  complete(job: ClaimedJob, result?: Partial<CompleteJob>): Promise<unknown>;
  /** Takes and completes. */
  work(pool: string, step: string, result?: Partial<CompleteJob>): Promise<unknown>;
  /** Types of the events of a run, or of another stream. */
  eventsOf(stream: string): Promise<string[]>;
  stop(): Promise<void>;
}

export async function startScene(): Promise<Scene> {
  const platform = await startPlatform();
  const processes: RunningProcess[] = [];
  const spawn = async (app: 'queue' | 'pipelines') => {
    const started = await startProcess({
      name: app,
      command: process.execPath,
      args: [bundleOf(app)],
      env: { ...process.env, ...platform.settings, NATS_URL: platform.nats.urlOf(app) },
      log: join(platform.directory, `${app}-${processes.length}.log`),
    });
    processes.push(started);
    await started.ready;
    return started;
  };
  await spawn('queue');
  const send: Scene['send'] = (request, input, call = ADA) =>
    platform.connections.requests.send(request, input, call);
  const run = (run_id: string) => send(pipelinesRequests.getRun, { run_id });
  const take = async (pool: string, step: string) => {
    const job = await eventually(async () => {
      const [claimed] = await send(
        queueRequests.claim,
        { agent_id: 'agent-1', pool, capabilities: ['docker', UNTRUSTED_JOBS], wait_seconds: 5 },
        AGENT,
      );
      if (!claimed) throw new Error(`no job in ${pool}`);
      return claimed;
    });
    if (job.name !== step) throw new Error(`the next job is ${job.name}, not ${step}`);
    await send(queueRequests.start, attemptOf(job), AGENT);
    return job;
  };
  const complete: Scene['complete'] = (job, result = {}) =>
    send(queueRequests.complete, { ...attemptOf(job), exit_code: 0, ...result }, AGENT);
  return {
    ...{ platform, send, run, take, complete },
    serve: () => platform.serve(PipelinesModule),
    spawn: () => spawn('pipelines'),
    async define(name, text) {
      await send(pipelinesRequests.put, { definition: `name: ${name}\n${text}` });
      return name;
    },
    start: (pipeline_id, more = {}) =>
      send(pipelinesRequests.startRun, { pipeline_id, run_id: randomUUID(), ...more }),
    reached: (id, status) =>
      eventually(async () => {
        const view = await run(id);
        if (view.status !== status) throw new Error(`the run is ${view.status}`);
        return view;
      }),
    work: async (pool, step, result) => complete(await take(pool, step), result),
    async eventsOf(stream) {
      const types: string[] = [];
      for await (const { event } of platform.connections.eventStore.readStream(stream))
        types.push(event!.type);
      return types;
    },
    async stop() {
      await Promise.all(processes.map((started) => started.stop()));
      await platform.stop();
    },
  };
}

function attemptOf({ id, attempt, lease_token }: ClaimedJob) {
  return { job_id: id, agent_id: 'agent-1', attempt, lease_token };
}
