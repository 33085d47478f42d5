import { routingRequests, type Delivery } from '@hybrid/contracts';
import { startProcess, type RunningProcess } from '@hybrid/servers';
import { eventually, seededRandom, specSeed } from '@hybrid/testing';
import { afterAll, beforeAll, expect, it, describe } from '@jest/globals';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RoutingBench, runOf, type FakePipelines } from '../routing.fixtures.js';

const KILLS = Number(process.env['ROUTING_KILLS'] ?? 6);
/** Between two kills, however long a start takes on this machine. */
const DELIVERIES = 40;
const BUNDLE = join(import.meta.dirname, '../../../../dist/routing/main.js');
const seed = specSeed();

describe('replicas that route, killed at random', () => {
  let bench: RoutingBench;
  let pipelines: FakePipelines;
  const replicas: RunningProcess[] = [];

  beforeAll(async () => {
    bench = await RoutingBench.start();
    pipelines = await bench.pipelines();
    await Promise.all([start(0), start(1)]);
  });
  afterAll(async () => {
    for (const replica of replicas) await replica.kill();
    await bench?.stop();
  });

  const start = async (place: number) => {
    const replica = await startProcess({
      name: 'routing',
      command: process.execPath,
      args: [BUNDLE],
      env: { PATH: process.env['PATH'], ...bench.platform.settings, ...bench.settings },
    });
    replicas[place] = replica;
    await replica.ready;
  };

  it('decide each delivery once, start its run, and leave no message behind', async () => {
    const random = seededRandom(seed);
    await bench.put('kills', { routes: { rules: [], default: { do: 'run', pipeline: 'build' } } });
    const relay = await bench.relay('kills');
    const sent: Delivery[] = [];
    let killing = true;
    let wanted = 0;
    const deliver = async () => {
      while (killing) {
        await pause(100);
        if (sent.length >= wanted) continue;
        sent.push(...(await relay.deliver({}, {}, {})));
        // Some come twice, as a relay sends again what it does not know to be there.
        if (random() < 0.2) await relay.deliver(sent.at(-1)!);
      }
    };
    const kill = async () => {
      for (let kills = 0; kills < KILLS; kills++) {
        const place = kills % 2;
        wanted += DELIVERIES;
        const before = pipelines.started.length;
        await eventually(() => expect(pipelines.started.length).toBeGreaterThan(before));
        await pause(random() * 100);
        await replicas[place]!.kill();
        await start(place);
      }
      killing = false;
    };
    await Promise.all([deliver(), kill()]);

    await eventually(async () => {
      const left = [...(await bench.files('kills', 'new')), ...(await bench.files('kills', 'taken'))];
      expect(left).toHaveLength(0);
    }, 120_000);
    expect(await bench.files('kills', 'aside')).toEqual([]);
    for (const { id } of sent) {
      const { status, decisions } = await bench.send(routingRequests.delivery, { delivery_id: id });
      const events = await bench.eventsOf(`delivery-${id}`);
      expect({ status, runs: decisions.flatMap(({ runs }) => runs), events }).toEqual({
        status: 'SENT',
        runs: [{ pipeline: 'build', run_id: runOf(id) }],
        events: ['DeliveryRouted', 'DeliverySent'],
      });
    }
    // The pipelines service makes one run of those that are the same.
    const asked = new Map<string, Set<string>>();
    for (const one of pipelines.started)
      asked.set(one.delivery_id, (asked.get(one.delivery_id) ?? new Set()).add(JSON.stringify(one)));
    expect([...asked.keys()].sort()).toEqual(sent.map(({ id }) => id).sort());
    for (const wishes of asked.values()) expect(wishes.size).toBe(1);
  });
});
