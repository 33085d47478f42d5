/** A gateway on a real socket, and an agent's spool that tells it of one attempt, within the spec's process. */
import { expect } from '@jest/globals';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Delivery } from '../src/delivery.js';
import { GatewayClient } from '../src/gateway-client.js';
import { SpoolRoom } from '../src/spool-room.js';
import { Spool, type AttemptKey, type SpooledAttempt } from '../src/spool.js';
import { FakeGateway, type RecordedJob } from './fake-gateway.js';

export const LOGS = /logs$/;
export const COMPLETE = /complete$/;

export class DeliveryBench {
  readonly gateway = new FakeGateway();
  readonly notices: string[] = [];
  room = new SpoolRoom(1e9);
  folder = '';
  record!: RecordedJob;
  attempt!: SpooledAttempt;

  async open(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'hybrid-delivery-'));
    await this.gateway.start();
    this.record = this.gateway.offer({ step: { id: 'a', name: 'a', type: 'step.shell_exec', config: {} } });
    this.attempt = await this.#spool().begin(this.key);
  }

  async close(): Promise<void> {
    await this.gateway.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  get key(): AttemptKey {
    const { id, attempt, lease_token } = this.record.job;
    return { agent_id: 'agent-1', job_id: id, attempt, lease_token, traceparent: '' };
  }

  /** The agent has died and is started again: what it finds on its disk. */
  async restart(): Promise<SpooledAttempt[]> {
    this.room = new SpoolRoom(1e9);
    const left = await this.#spool().left('agent-1');
    if (left[0]) this.attempt = left[0];
    return left;
  }

  delivery(logPatienceMs?: number): Delivery {
    const client = new GatewayClient(this.gateway.url, this.notify);
    client.token = this.gateway.credentialFor('agent-1');
    return new Delivery(this.attempt, client, this.notify, undefined, logPatienceMs);
  }

  asked(path: RegExp): number {
    return this.gateway.requests.filter((request) => path.test(request)).length;
  }

  get texts(): string[] {
    return [...this.record.lines.values()].sort((one, other) => one.seq - other.seq).map(({ text }) => text);
  }

  async expectNothingKept(): Promise<void> {
    expect(await readdir(this.folder)).toEqual([]);
    expect(this.room.used).toBe(0);
  }

  readonly notify = (text: string): void => void this.notices.push(text);

  #spool(): Spool {
    return new Spool(this.folder, this.room, this.notify);
  }
}
