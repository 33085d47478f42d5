import { describe, expect, it } from '@jest/globals';
import { queueDirectories, readRoutingSettings, unsafeRoutingSettings } from './routing.settings.js';

describe('the settings of the routing service', () => {
  it('let it connect to nothing private unless told', () => {
    const settings = readRoutingSettings({});
    expect(settings).toMatchObject({ HYBRID_PRIVATE_QUEUES: 'no', HYBRID_QUEUE_LEASE_SECONDS: 60 });
    expect(queueDirectories(settings)).toEqual([]);
    expect(unsafeRoutingSettings(settings)).toEqual([]);
  });

  it.each([
    [{ HYBRID_PRIVATE_QUEUES: 'true' }, 'HYBRID_PRIVATE_QUEUES must be yes or no'],
    [{ HYBRID_QUEUE_CREDENTIALS: 'secrets' }, 'HYBRID_QUEUE_CREDENTIALS must be the absolute path'],
    [{ HYBRID_QUEUE_DIRECTORIES: '/var/a:b' }, 'HYBRID_QUEUE_DIRECTORIES must be absolute paths'],
    [{ HYBRID_MAX_CONNECTIONS: '2.5' }, 'HYBRID_MAX_CONNECTIONS must be a whole number'],
    [{ HYBRID_MAX_CONNECTIONS: '0' }, 'HYBRID_MAX_CONNECTIONS must be 1 or more'],
    [{ HYBRID_QUEUE_LEASE_SECONDS: '0' }, 'HYBRID_QUEUE_LEASE_SECONDS must be 1 or more'],
    [{ HYBRID_RELAY_OFFLINE_SECONDS: 'x' }, 'HYBRID_RELAY_OFFLINE_SECONDS must be a number'],
  ])('%j is refused', (env, message) => {
    expect(() => readRoutingSettings(env)).toThrow(message);
  });

  it('tell a doctor what is unsafe', () => {
    const settings = readRoutingSettings({
      HYBRID_PRIVATE_QUEUES: 'yes',
      HYBRID_QUEUE_DIRECTORIES: '/var/q:/',
    });
    expect(unsafeRoutingSettings(settings).map(({ setting }) => setting)).toEqual([
      'HYBRID_PRIVATE_QUEUES',
      'HYBRID_QUEUE_DIRECTORIES',
    ]);
  });
});
