import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { connectionDecider, connectionStatus } from './connection.decider.js';
import type { ConnectionEvent } from './connection.events.js';

describe('stored events of connections', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), connectionDecider, {
    version: 1,
    digest: '39513e86d332ee17',
  });

  const configured = golden('ConnectionConfigured');
  const after = (...events: ConnectionEvent[]) => fold(connectionDecider, [configured, ...events]);

  it('begin a connection with all that it was configured with', () => {
    expect(after()).toEqual({
      configured: configured.data,
      created_at: configured.data.at,
      paused: null,
      access: null,
      deleted: false,
    });
  });

  it.each([
    ['ConnectionPaused', 'PAUSED'],
    ['ConnectionResumed', 'CHECKING'],
    ['ConnectionAccessFound', 'REFUSED'],
  ] as const)('%s makes it %s', (type, status) => {
    expect(connectionStatus(after(golden(type)))).toBe(status);
  });

  it('ConnectionDeleted ends it', () => {
    expect(after(golden('ConnectionDeleted'))).toMatchObject({ deleted: true });
  });
});
