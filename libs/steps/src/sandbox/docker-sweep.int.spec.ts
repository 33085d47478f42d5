import { afterEach, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { describeWithEngine } from '../../test/step-bench.js';
import { labelsOf } from './docker-labels.js';

await describeWithEngine('the sweep', (bench) => {
  let networks: string[] = [];
  afterEach(async () => {
    for (const name of networks)
      await bench.engine
        .getNetwork(name)
        .remove()
        .catch(() => undefined);
    networks = [];
  });

  /** Something of `agentId`, made by the process that `owner` makes of this one. */
  async function left(
    agentId: string,
    owner: (parts: string[]) => string[] | undefined,
  ): Promise<() => Promise<boolean>> {
    const labels = await labelsOf(agentId, { jobId: 'job', attempt: 1 });
    const changed = owner((labels['hybrid.owner'] ?? '').split(' '));
    if (changed) labels['hybrid.owner'] = changed.join(' ');
    else delete labels['hybrid.owner'];
    const name = `hybrid-test-${process.pid}-${randomUUID()}`;
    networks.push(name);
    await bench.engine.createNetwork({ Name: name, Labels: labels });
    return async () => (await bench.engine.listNetworks({ filters: { name: [name] } })).length > 0;
  }

  const gone = ([boot = '', namespace = '']: string[]): string[] => [boot, namespace, '4194304', '1'];

  it('removes what this agent left and what a vanished process left, and nothing else', async () => {
    const other = `other-${randomUUID()}`;
    const swept = {
      'of an earlier life of this agent': await left(bench.agentId, gone),
      'of this agent, from before a restart of the machine': await left(bench.agentId, (parts) => [
        randomUUID(),
        ...parts.slice(1),
      ]),
      'of this agent, without an owner': await left(bench.agentId, () => undefined),
      'of another agent that is gone': await left(other, gone),
      'of another agent whose number another process has': await left(other, (parts) => [
        ...parts.slice(0, 3),
        '1',
      ]),
    };
    const kept = {
      'of this very process': await left(bench.agentId, (parts) => parts),
      'of another agent that lives': await left(other, (parts) => parts),
      'of another machine or another boot': await left(other, (parts) => [
        randomUUID(),
        ...gone(parts).slice(1),
      ]),
      'of another container': await left(other, (parts) => [
        parts[0] ?? '',
        'pid:[1]',
        ...gone(parts).slice(2),
      ]),
      'of an agent that tells no owner': await left(other, () => undefined),
    };
    const there = async (things: Record<string, () => Promise<boolean>>): Promise<string[]> => {
      const names: string[] = [];
      for (const [name, isThere] of Object.entries(things)) if (await isThere()) names.push(name);
      return names;
    };
    await bench.executor().sweep();
    expect(await there(swept)).toEqual([]);
    expect(await there(kept)).toEqual(Object.keys(kept));
  });
});
