import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { metricsText, startTelemetry } from '@hybrid/telemetry';
import { eventually } from '@hybrid/testing';
import type { CounterEvent } from './counter.fixtures.js';
import { startPlatform, type Platform } from './platform.fixtures.js';
import { readModels, type ReadModels } from './projection.fixtures.js';

describe('an event that a read model cannot take', () => {
  let platform: Platform;
  let models: ReadModels;
  let stopTelemetry: () => Promise<void>;

  beforeAll(async () => {
    stopTelemetry = await startTelemetry('spec', { metrics: true });
    platform = await startPlatform();
  });
  afterAll(async () => {
    await platform?.stop();
    await stopTelemetry?.();
  });
  afterEach(() => models.stop());

  const parked = () =>
    models.query(
      `select stream, revision::int, tries from ${models.schema}.parked_events order by commit_position`,
    );
  /** Folds throw at these notes. */
  const failingAt = (notes: Set<string>) => (event: CounterEvent) => {
    if (notes.has(event.data.note)) throw new TypeError(`cannot take ${event.data.note}`);
  };
  const stream = (id: string) => `${models.schema}-${id}`;

  it('is parked after five tries with what follows it in its stream, and the others go on', async () => {
    models = readModels(platform, failingAt(new Set(['secret-7'])));
    await models.add([{ id: 'good', by: 1 }]);
    await models.add([
      { id: 'bad', by: 1 },
      { id: 'bad', by: 2, note: 'secret-7' },
      { id: 'bad', by: 3 },
    ]);
    await models.add([{ id: 'also', by: 5 }]);
    const projector = await models.keep();
    await eventually(async () => expect(await models.sums()).toEqual({ good: 1, bad: 1, also: 5 }));
    await models.add([{ id: 'bad', by: 4 }]);
    await models.add([{ id: 'good', by: 1 }]);
    await eventually(async () => expect(await models.sums()).toEqual({ good: 2, bad: 1, also: 5 }));
    expect(await parked()).toEqual([
      { stream: stream('bad'), revision: 1, tries: 5 },
      { stream: stream('bad'), revision: 2, tries: 0 },
      { stream: stream('bad'), revision: 3, tries: 0 },
    ]);
    const alarms = models.said.filter(({ severity }) => severity === 'error');
    expect(alarms).toHaveLength(1);
    expect(alarms[0]!.message).toContain(
      `${stream('bad')} revision 1) failed 5 times and is parked: TypeError`,
    );
    const view = await projector.view();
    expect(view).toMatchObject({ status: 'DEGRADED', parked_events: 3, lag_events: 0 });
    expect(view.parked).toMatchObject([{ stream: stream('bad'), revision: 1, tries: 5 }]);
    const gauge = new RegExp(
      `^hybrid_projection_parked_events\\{[^}]*service="${models.schema}"[^}]*\\} 3`,
      'm',
    );
    const metrics = await metricsText();
    expect(metrics).toMatch(gauge);
    expect(JSON.stringify([view, models.said, metrics])).not.toContain('secret-7');
  });

  it('is applied with all that waited for it once the fold is mended', async () => {
    const broken = new Set(['a', 'b']);
    models = readModels(platform, failingAt(broken));
    await models.add([
      { id: 'one', by: 1, note: 'a' },
      { id: 'one', by: 2, note: 'then' },
    ]);
    await models.add([
      { id: 'two', by: 3, note: 'fine' },
      { id: 'two', by: 4, note: 'b' },
      { id: 'two', by: 5, note: 'last' },
    ]);
    const projector = await models.keep();
    await eventually(async () => expect(await parked()).toHaveLength(4));
    broken.delete('a');
    expect(await projector.replay()).toEqual({ replayed_events: 2, parked_events: 2 });
    expect(await models.sums()).toEqual({ one: 3, two: 3 });
    expect(await parked()).toEqual([
      { stream: stream('two'), revision: 1, tries: 6 },
      { stream: stream('two'), revision: 2, tries: 0 },
    ]);
    broken.delete('b');
    expect(await projector.replay()).toEqual({ replayed_events: 2, parked_events: 0 });
    expect(await models.sums()).toEqual({ one: 3, two: 12 });
    await models.add([{ id: 'two', by: 1 }]);
    await eventually(async () => expect(await models.sums()).toEqual({ one: 3, two: 13 }));
    expect(await projector.view()).toMatchObject({ status: 'LIVE', parked_events: 0, parked: [] });
  });

  it('is found among many by halving, also where PostgreSQL is who refuses', async () => {
    models = readModels(platform);
    // More than an integer column holds.
    await models.add(
      Array.from({ length: 300 }, (_, n) => ({ id: `${n}`, by: n % 100 === 50 ? 3_000_000_000 : n })),
    );
    const projector = await models.keep();
    await eventually(async () => expect(await models.everything()).toHaveLength(297));
    const { parked_events, parked: shown } = await projector.view();
    expect(parked_events).toBe(3);
    expect(shown.map(({ stream: name }) => name).sort()).toEqual([
      stream('150'),
      stream('250'),
      stream('50'),
    ]);
    expect(shown[0]!.reason).toMatch(/^PostgreSQL 22003/);
  });

  it('is out of the parking when its stream was deleted, as a rebuild would find it', async () => {
    models = readModels(platform, failingAt(new Set(['x'])));
    await models.add([{ id: 'gone', by: 1, note: 'x' }]);
    const projector = await models.keep();
    await eventually(async () => expect(await parked()).toHaveLength(1));
    await platform.connections.eventStore.deleteStream(stream('gone'));
    expect(await projector.replay()).toEqual({ replayed_events: 1, parked_events: 0 });
    expect(await models.sums()).toEqual({});
  });
});
