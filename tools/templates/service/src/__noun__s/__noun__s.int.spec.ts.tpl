import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { __Service__Module } from '../app.module.js';
import { __noun__Requests } from './__noun__.contract.js';

describe('__service__, over NATS', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform();
    await platform.serve(__Service__Module);
  });
  afterAll(() => platform?.stop());

  it('opens and lists a __noun__', async () => {
    const { requests } = platform.connections;
    const call = callBy('user', 'someone');
    const opened = await requests.send(__noun__Requests.open, { __noun___id: 'one', name: 'first' }, call);
    expect(opened).toEqual({ id: 'one', name: 'first', status: 'OPEN' });
    await eventually(async () =>
      expect(await requests.send(__noun__Requests.list, {}, call)).toMatchObject({ total: 1, items: [opened] }),
    );
  });
});
