import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AgentsBench } from './agents.fixtures.js';

/** Seconds; the real ones, shortened, and above what a heartbeat takes on a busy machine until it is written. */
const LIMITS = { DEGRADED: 3, OFFLINE: 4, DEAD: 5 };
const THEY_FELL_SILENT = ['DEGRADED', 'OFFLINE', 'DEAD'];

describe('the health of agents, judged by two replicas', () => {
  let bench: AgentsBench;
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    bench = await AgentsBench.start(
      Object.fromEntries(
        Object.entries(LIMITS).map(([status, seconds]) => [`HYBRID_AGENT_${status}_SECONDS`, `${seconds}`]),
      ),
    );
    for (let replica = 0; replica < 2; replica++) stops.push(await bench.replica());
  });
  afterAll(() => bench?.stop());

  /** Heartbeats at whichever replica takes them, until it is stopped. */
  const beating = (agent_id: string, everyMs = 200) => {
    const timer = setInterval(() => void bench.beat(agent_id).catch(() => undefined), everyMs);
    return () => clearInterval(timer);
  };
  const changesOf = async (id: string) => (await bench.historyOf(id)).slice(1);
  /** Step by step, but where a slow machine looked too seldom, and to the end. */
  const fellSilent = async (id: string) => {
    const changes = await changesOf(id);
    expect(changes).toEqual(THEY_FELL_SILENT.filter((status) => changes.includes(status)));
    expect(changes.at(-1)).toBe('DEAD');
  };

  it('goes down with silence, says why, and comes back; who is heard, or has stopped, is not silent', async () => {
    const [silent, heard, stopped] = await Promise.all(
      ['silent', 'heard', 'stopped'].map(async (name) => (await bench.register({ name })).agent_id),
    );
    expect((await bench.beat(silent!)).status).toBe('HEALTHY');
    await bench.setStatus(stopped!, 'OFFLINE');
    const stop = beating(heard!);
    await bench.becomes(silent!, 'DEAD');
    stop();
    expect((await bench.get(silent!)).status_reason).toMatch(/^no heartbeat for ([5-9]|[1-9]\d+) s$/);
    await fellSilent(silent!);
    expect(await changesOf(heard!)).toEqual([]);
    expect(await changesOf(stopped!)).toEqual(['AgentStopped']);
    expect((await bench.beat(silent!)).status).toBe('HEALTHY');
    expect(await bench.get(silent!)).toMatchObject({ status: 'HEALTHY', status_reason: null });
  });

  it('is bad with full memory, until well below the limit', async () => {
    const { agent_id } = await bench.register();
    const beat = async (memory_percent: number) => (await bench.beat(agent_id, { memory_percent })).status;
    expect(await beat(96.5)).toBe('UNHEALTHY');
    expect(await bench.get(agent_id)).toMatchObject({
      status: 'UNHEALTHY',
      status_reason: 'memory 96.5 %, limit 95 %',
    });
    // The other replica hears of it in a moment.
    await eventually(async () => {
      for (const percent of [94, 91, 96]) expect(await beat(percent)).toBe('UNHEALTHY');
    });
    expect(await beat(80)).toBe('HEALTHY');
    expect(await changesOf(agent_id)).toEqual(['UNHEALTHY', 'HEALTHY']);
  });

  it('is bad with a full disk, also while it drains', async () => {
    const { agent_id } = await bench.register();
    await bench.setStatus(agent_id, 'DRAINING');
    expect((await bench.beat(agent_id, { disk_percent: 99 })).status).toBe('UNHEALTHY');
    await eventually(async () =>
      expect((await bench.beat(agent_id, { disk_percent: 10 })).status).toBe('DRAINING'),
    );
  });

  it('is nobody’s loss while PostgreSQL is away: heartbeats are answered, and silence counts anew', async () => {
    const { agent_id } = await bench.register();
    const { agent_id: silent } = await bench.register();
    await bench.beat(agent_id);
    await bench.beat(silent);
    await bench.platform.postgres.kill();
    const begun = performance.now();
    // Longer than it takes to die; nothing else can be waited for.
    await eventually(async () => {
      expect((await bench.beat(agent_id)).status).toBe('HEALTHY');
      expect(performance.now() - begun).toBeGreaterThan((LIMITS.DEAD + 1) * 1000);
    });
    await bench.platform.postgres.restart();
    const stop = beating(agent_id);
    await bench.becomes(silent, 'DEAD');
    stop();
    await fellSilent(silent);
    expect(await changesOf(agent_id)).toEqual([]);
  });

  it.each<[what: string, away: () => Promise<void>, back: () => Promise<unknown>]>([
    ['NATS', async () => void (await bench.platform.nats.kill()), () => bench.platform.nats.restart()],
    [
      'the service',
      async () => {
        await Promise.all(stops.splice(0).map((stop) => stop()));
      },
      () => bench.replica(),
    ],
  ])('is nobody’s loss while %s is away: everybody gets the full time again', async (_, away, back) => {
    const { agent_id } = await bench.register();
    await bench.beat(agent_id);
    await away();
    // While it goes, on a slow machine, an agent may fall silent.
    const before = await changesOf(agent_id);
    const { pool } = bench.platform.connections;
    await eventually(async () => {
      const { rows } = await pool.query<{ silent: number }>(
        `select extract(epoch from now() - created_at)::float8 as silent from agents.agents where id = $1`,
        [agent_id],
      );
      expect(rows[0]?.silent).toBeGreaterThan(LIMITS.DEAD + 1);
    });
    expect(await changesOf(agent_id)).toEqual(before);
    await back();
    await bench.becomes(agent_id, 'DEAD');
    await fellSilent(agent_id);
  });
});
