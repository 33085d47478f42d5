import { stateTable } from '@hybrid/event-store';
import { startPlatform, type Platform } from './platform.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const nothing = { initial: {}, events: { today: {} }, evolve: () => ({}) };

describe('the connections of a process', () => {
  let platform: Platform;

  beforeAll(async () => void (platform = await startPlatform()));
  afterAll(() => platform?.stop());

  it('are enough for requests, however many read models and relays hold one for their locks', async () => {
    const { connections } = platform;
    for (let index = 0; index < 12; index++) {
      await connections.project(
        stateTable({
          ...{ schema: 'spec', table: `things_${index}`, version: 1, category: `thing${index}` },
          decider: nothing,
          columns: {},
        }),
      );
      const { rows } = await connections.pool.query<{ one: number }>('select 1 as one');
      expect(rows).toEqual([{ one: 1 }]);
    }
  });
});
