/** What is lost and what happens twice when parts of the path are away: nothing, and nothing. */
import { eventually, seededRandom, specSeed } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { another, atCommit, Customer } from './net-zero/customer.js';
import { startSystem, type System } from './system.js';

const BURST = 200;
const KILLS = 6;
/** One a second. */
const AN_HOUR = 3_600;
/** Of the hour's, to the branch that the pipeline is for. */
const EVERY = 45;
const SENDERS = 16;
/** A busy machine works on thousands of webhooks for minutes. */
const PATIENCE_MS = 400_000;
const COMMIT = '6113728f27ae82c7b1a177c8d03f9e96e0adf246';
const seed = specSeed();

/** A run begins without an agent, and waits. */
const definition = `
name: build
on:
  push: { branches: [main] }
steps:
  - { name: wait, type: step.gate, config: { type: manual } }
`;

describe('webhooks while parts of their path are away', () => {
  let system: System;
  let customer: Customer;

  beforeAll(async () => {
    system = await startSystem({ separate: true, env: { HYBRID_QUEUE_LEASE_SECONDS: '5' } });
    const json = { definition, repository: 'acme/web', clone_url: 'https://git.example.com/acme/web.git' };
    await system.admin('PUT /api/pipelines/build', { json });
    customer = await Customer.start(system, { name: 'nats', queue: 'nats' });
  });
  afterAll(async () => {
    await customer?.stop();
    await system?.stop();
  });

  const push = (number: number, branch: string) => {
    const webhook = another(atCommit('gitea-push', COMMIT), number);
    return {
      ...webhook,
      body: Buffer.from(webhook.body.toString().replace('refs/heads/main', `refs/heads/${branch}`)),
    };
  };
  /** As somebody does who sends again what was not taken. Answers the ids of the deliveries. */
  const sendAll = async (from: number, to: number, branchOf: (number: number) => string) => {
    const ids: string[] = [];
    let next = from;
    const sender = async () => {
      while (next < to) {
        const number = next++;
        ids.push(
          await eventually(async () => {
            const { id } = await customer.send(push(number, branchOf(number)));
            expect(id).toBeDefined();
            return id!;
          }, PATIENCE_MS),
        );
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, sender));
    return ids;
  };
  /** Deliveries that are decided and carried out, and the runs that began, as the store has them. */
  const happened = async () => {
    const sent = new Map<string, number>();
    const runs = new Map<string, number>();
    for await (const { event } of system.platform.connections.eventStore.readAll()) {
      const { streamId, type } = event ?? {};
      if (type === 'DeliverySent') sent.set(streamId!, (sent.get(streamId!) ?? 0) + 1);
      if (type === 'RunStarted') {
        const { started_by } = event!.data as { started_by: string };
        runs.set(started_by, (runs.get(started_by) ?? 0) + 1);
      }
    }
    return { sent, runs };
  };
  const count = async (table: string) => {
    const { rows } = await system.platform.connections.pool.query<{ count: string }>(
      `select count(*) from ${table}`,
    );
    return Number(rows[0]!.count);
  };

  it(`a relay, the routing service and the queue killed at random under ${BURST} webhooks: each gives one run (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const burst = sendAll(0, BURST, () => 'main');
    const parts = [
      async () => {
        await customer.killRelay();
        await customer.startRelay();
      },
      () => system.part('routing').killAndRestart(),
      async () => {
        await customer.queue.server!.kill();
        await customer.queue.server!.restart();
      },
    ];
    for (let kill = 0; kill < KILLS; kill++) {
      await pause(random() * 300);
      await parts[kill % parts.length]!();
    }
    const ids = await burst;
    expect(new Set(ids).size).toBe(BURST);
    const { sent, runs } = await eventually(async () => {
      const now = await happened();
      expect(now.sent.size).toBe(BURST);
      return now;
    }, PATIENCE_MS);
    expect([...sent.values()]).toEqual(ids.map(() => 1));
    expect([...runs.entries()].sort()).toEqual(ids.map((id) => [`delivery/${id}`, 1]).sort());
  });

  it('an hour of webhooks waits on the relay’s disk while the queue is away, and is drained once', async () => {
    const before = await happened();
    await customer.queue.server!.kill();
    const branchOf = (number: number) => (number % EVERY === 0 ? 'main' : `topic-${number}`);
    const half = BURST + AN_HOUR / 2;
    const ids = await sendAll(BURST, half, branchOf);
    await customer.killRelay();
    await customer.startRelay();
    ids.push(...(await sendAll(half, BURST + AN_HOUR, branchOf)));

    await eventually(async () => {
      const metrics = await customer.metrics();
      expect(metrics).toMatch(new RegExp(`^hybrid_webhook_relay_spooled(?:\\{[^}]*\\})? ${AN_HOUR}$`, 'm'));
      expect(metrics).toMatch(/^hybrid_webhook_relay_lag_seconds(?:\{[^}]*\})? [1-9]/m);
      expect(metrics).toMatch(/^hybrid_webhook_relay_queue_up(?:\{[^}]*\})? 0$/m);
    });
    await eventually(async () => {
      const { stdout } = await system.cli('relay', 'list');
      expect(stdout).toMatch(new RegExp(`nats +degraded .* ${AN_HOUR} +\\d`));
    });

    await customer.queue.server!.restart();
    await eventually(
      async () => expect(await count('routing.deliveries')).toBe(BURST + AN_HOUR),
      PATIENCE_MS,
    );
    const after = await eventually(async () => {
      const now = await happened();
      expect(now.sent.size).toBe(BURST + AN_HOUR);
      return now;
    });
    expect(new Set(ids).size).toBe(AN_HOUR);
    expect(Math.max(...after.sent.values())).toBe(1);
    expect(after.runs.size - before.runs.size).toBe(AN_HOUR / EVERY);
    expect(Math.max(...after.runs.values())).toBe(1);
    expect(await customer.metrics()).toMatch(/^hybrid_webhook_relay_spooled(?:\{[^}]*\})? 0$/m);
  });
});
