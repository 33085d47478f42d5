import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import type { RunningJob } from '@hybrid/contracts';
import { tmpdir } from 'node:os';
import { FakeGateway } from '../test/fake-gateway.js';
import { GatewayClient } from './gateway-client.js';
import { Heartbeats } from './heartbeats.js';

describe('heartbeats', () => {
  const gateways: FakeGateway[] = [];
  const stop = { now: new AbortController() };
  beforeEach(() => void (stop.now = new AbortController()));
  afterEach(async () => {
    stop.now.abort();
    for (const gateway of gateways.splice(0)) await gateway.stop();
  });

  it('are heard with what they named, and are fresh while they are accepted', async () => {
    const gateway = new FakeGateway();
    gateways.push(gateway);
    await gateway.start();
    const client = new GatewayClient(gateway.url, () => undefined);
    client.token = gateway.credentialFor('agent-1');
    const named: RunningJob[][] = [];
    const heard: RunningJob[][] = [];
    const heartbeats = new Heartbeats({
      gateway: client,
      agentId: 'agent-1',
      dataPath: tmpdir(),
      // What runs is another thing each time it is looked at.
      running: () => {
        named.push([{ job_id: `job-${named.length}`, attempt: 1 }]);
        return named.at(-1)!;
      },
      completed: () => named.length,
      disk: () => undefined,
      accepted: ({ lost }, reported) => {
        expect(lost).toEqual(reported.some(({ job_id }) => job_id === 'job-1') ? ['job-1'] : []);
        heard.push(reported);
      },
      refused: () => undefined,
      notify: () => undefined,
    });
    gateway.lost.add('job-1');
    expect(heartbeats.fresh).toBe(false);
    const run = heartbeats.run(stop.now.signal);
    await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(3));
    for (const [index, reported] of heard.entries()) expect(reported).toBe(named[index]);
    await eventually(() => expect(heartbeats.fresh).toBe(true));
    await gateway.stop();
    await eventually(() => expect(heartbeats.fresh).toBe(false));
    await gateway.start();
    await eventually(() => expect(heartbeats.fresh).toBe(true));
    stop.now.abort();
    await run;
  });
});
