import { END, streamNameFilter } from '@eventstore/db-client';
import type { ClaimedJob, JobView } from '@hybrid/contracts';
import { eventually, seededRandom, stalledMs } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { jobOf } from './http/client.js';
import { heartbeat } from './queue-load.js';
import { expectSoundLog } from './sound-log.js';
import { startSystem, type Part, type System } from './system.js';

const KILLS = 20;
/** One lease and one sweep are 31 s. */
const CLAIMED_AGAIN_MS = 35_000;
/** The kills are spread over this. */
const MOMENTS_MS = 5_000;
const RACES = 100;
const RACES_AT_ONCE = 10;
/** So much earlier or later than the result is the cancellation at most: about as long as either takes. */
const RACE_MS = 10;

interface SeenClaim {
  attempt: number;
  agentId: string;
  /** Milliseconds of performance.now(). */
  at: number;
}

describe('jobs whose agents are lost, and jobs that are cancelled', () => {
  let system: System;
  let scratch: string;
  let stopWatching: () => Promise<void>;
  const random = seededRandom();
  const claims = new Map<string, SeenClaim[]>();
  const acknowledged = {
    enqueued: [] as string[],
    cancelled: [] as string[],
    completed: [] as { id: string; attempt: number }[],
  };

  beforeAll(async () => {
    system = await startSystem({ separate: true, replicas: { queue: 3, agents: 3 } });
    scratch = join(system.platform.directory, 'steps');
    await mkdir(scratch);
    const watch = system.platform.connections.eventStore.subscribeToAll({
      fromPosition: END,
      filter: streamNameFilter({ prefixes: ['job-'] }),
    });
    watch.on('data', ({ event }) => {
      if (event?.type !== 'JobClaimed') return;
      const { attempt, agent_id } = event.data as { attempt: number; agent_id: string };
      const id = event.streamId.slice('job-'.length);
      claims.set(id, [...(claims.get(id) ?? []), { attempt, agentId: agent_id, at: performance.now() }]);
    });
    stopWatching = () => watch.unsubscribe();
  });
  afterAll(async () => {
    await stopWatching?.();
    await system?.stop();
    // A step outlives its killed agent.
    for (const pid of await stepPids()) signal(pid, 'SIGKILL');
  });

  const enqueue = async (name: string, commands: string[], more: object = {}): Promise<string> => {
    const step = { id: name, name, type: 'step.shell_exec', config: { commands } };
    const { status, body } = await system.admin<JobView>('POST /api/queue/jobs', {
      json: { ...more, name, spec: { step } },
    });
    expect(status).toBe(201);
    acknowledged.enqueued.push(body.id);
    return body.id;
  };
  const job = async (id: string) => (await system.admin<JobView>(`GET /api/queue/jobs/${id}`)).body;
  /** The first attempt takes so long and fails; a second one succeeds at once. */
  const once = (name: string, seconds: number) => [
    `[ ! -e ${scratch}/${name}.begun ] || exit 0; touch ${scratch}/${name}.begun`,
    `echo $$ > ${scratch}/${name}.pid; sleep ${seconds} & echo $! > ${scratch}/${name}-sleep.pid; wait; exit 7`,
  ];
  async function stepPids(): Promise<number[]> {
    const files = (await readdir(scratch).catch(() => [])).filter((file) => file.endsWith('.pid'));
    return Promise.all(files.map(async (file) => Number(await readFile(join(scratch, file), 'utf8'))));
  }

  it(`agents that are killed (${KILLS}) or stand still: each job is claimed by another within 35 s; what the other one says is refused`, async () => {
    const names = Array.from({ length: KILLS }, (_, index) => `agent-${index + 1}`);
    const frozenName = `agent-${KILLS + 1}`;
    const agents = await Promise.all(
      [...names, frozenName].map((name) =>
        system.startAgent(name, {
          capacity: 1,
          args: name === frozenName ? ['--label', 'frozen=yes,only=frozen'] : [],
        }),
      ),
    );
    const frozen = agents.pop()!;
    const theirs = await enqueue('frozen', once('frozen', 12), { labels: { frozen: 'yes' } });
    await eventually(async () => expect((await job(theirs)).status).toBe('RUNNING'));
    const jobs = await Promise.all(names.map((name) => enqueue(name, once(name, 90))));
    const holders = new Map<string, string>();
    await eventually(async () => {
      for (const id of jobs) {
        const { status, agent_id } = await job(id);
        expect(status).toBe('RUNNING');
        holders.set(agent_id!, id);
      }
    });
    expect(holders.size).toBe(KILLS);
    await system.startAgent('agent-spare', { capacity: KILLS + 10, args: ['--label', 'frozen=yes'] });

    const lost = new Map<string, number>();
    const suspendedAt = performance.now();
    lost.set(theirs, suspendedAt);
    frozen.suspend();
    await Promise.all(
      agents.map(async (agent) => {
        await pause(random() * MOMENTS_MS);
        lost.set(holders.get(agentIdOf(agent))!, performance.now());
        await agent.process.kill();
      }),
    );
    expect(lost.size).toBe(KILLS + 1);
    let again: number[] = [];
    const stalled = await stalledMs(async () => {
      again = await eventually(() => {
        const seconds = [...lost.keys()].map((id) => claims.get(id)?.find(({ attempt }) => attempt === 2));
        expect(seconds).not.toContain(undefined);
        return [...lost].map(([id, at]) => claims.get(id)!.find(({ attempt }) => attempt === 2)!.at - at);
      });
    });
    const sorted = again.map(Math.round).sort((a, b) => a - b);
    process.stderr.write(
      `claimed again after the loss of an agent, ms: median ${sorted[KILLS / 2]}, max ${sorted.at(-1)} (${sorted.join(' ')})\n`,
    );
    expect(sorted.at(-1)).toBeLessThan(CLAIMED_AGAIN_MS + stalled);

    await eventually(async () => {
      for (const id of lost.keys()) expect((await job(id)).status).toBe('COMPLETED');
    });
    frozen.resume();
    await eventually(async () => expect(await frozen.said()).toMatch(/result is dropped/));
    const events = await typesOf(theirs);
    expect(events.filter((type) => type === 'JobCompleted')).toHaveLength(1);
    expect(events).not.toContain('JobFailed');
    const next = await enqueue('afterwards', ['true'], { labels: { only: 'frozen' } });
    const ended = await eventually(async () => {
      const view = await job(next);
      expect(view.status).toBe('COMPLETED');
      return view;
    });
    expect(ended.agent_id).toBe(agentIdOf(frozen));
  });

  it('what a cancelled job has started is gone within a heartbeat and the grace of 10 s, whatever it does about it', async () => {
    const forEver = 'while :; do sleep 1; done';
    const jobs = await Promise.all([
      enqueue('quiet', [`echo $$ > ${scratch}/quiet.pid; ${forEver}`]),
      enqueue('stubborn', [`trap '' TERM; echo $$ > ${scratch}/stubborn.pid; ${forEver}`]),
    ]);
    const pids = await eventually(async () => {
      const texts = ['quiet', 'stubborn'].map((name) => readFile(join(scratch, `${name}.pid`), 'utf8'));
      const found = (await Promise.all(texts)).map(Number);
      for (const pid of found) expect(signal(pid, 0)).toBe(true);
      return found;
    });
    const since = performance.now();
    for (const id of jobs) {
      expect((await system.admin(`DELETE /api/queue/jobs/${id}`)).status).toBe(200);
      acknowledged.cancelled.push(id);
    }
    // A heartbeat tells of it after 5 s at most, and what ignores SIGTERM is killed after 10 s more.
    await eventually(() => expect(pids.map((pid) => signal(pid, 0))).toEqual([false, false]));
    process.stderr.write(`cancelled, and gone after ${Math.round(performance.now() - since)} ms\n`);
  });

  it(`${RACES} cancellations against completions: each job has one end, and the agent is told`, async () => {
    const pool = 'races';
    const agent = await system.handAgent(pool);
    const jobs = Array.from({ length: RACES }, (_, n) => jobOf(`race-${n}`, pool));
    expect((await system.admin('POST /api/queue/jobs/batch', { json: { jobs } })).status).toBe(200);
    const taken: ClaimedJob[] = [];
    while (taken.length < RACES) {
      const { status, body } = await agent.claim(5, { count: RACES - taken.length });
      expect(status).toBe(200);
      taken.push(...body.jobs);
    }
    expect(await heartbeat(agent, taken)).toEqual([]);

    const cancelled: string[] = [];
    for (let first = 0; first < RACES; first += RACES_AT_ONCE)
      await Promise.all(
        taken.slice(first, first + RACES_AT_ONCE).map(async (job) => {
          const { id, attempt } = job;
          const late = (random() - 0.5) * RACE_MS;
          const [cancel, complete] = await Promise.all([
            pause(Math.max(0, late)).then(() => system.admin(`DELETE /api/queue/jobs/${id}`)),
            pause(Math.max(0, -late)).then(() => agent.finish(job)),
          ]);
          expect([cancel.status, complete.status].sort()).toEqual([200, 409]);
          if (cancel.status === 200) cancelled.push(id);
          else acknowledged.completed.push({ id, attempt });
          const ends = (await typesOf(id)).filter(
            (type) => type === 'JobCancelled' || type === 'JobCompleted',
          );
          expect(ends).toEqual([cancel.status === 200 ? 'JobCancelled' : 'JobCompleted']);
        }),
      );
    process.stderr.write(`of ${RACES} races ${cancelled.length} were won by the cancellation\n`);
    expect(cancelled.length).toBeGreaterThan(0);
    expect(cancelled.length).toBeLessThan(RACES);
    expect(await heartbeat(agent, taken)).toEqual(expect.arrayContaining(cancelled));
    acknowledged.cancelled.push(...cancelled);
  });

  it('the log agrees', () => expectSoundLog(system, acknowledged));

  async function typesOf(id: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { event } of system.platform.connections.eventStore.readStream(`job-${id}`))
      found.push(event!.type);
    return found;
  }
});

function agentIdOf(agent: Part): string {
  return String(agent.ready['agent_id']);
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
