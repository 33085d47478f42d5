import type { RegisterRelayCommand } from '@hybrid/contracts';
import { given } from '@hybrid/testing';
import { describe, it } from '@jest/globals';
import { relayDecider, type RelayCommand } from './relay.decider.js';
import type { RelayEvent } from './relay.events.js';

const at = '2030-01-02T03:04:05.000Z';
const now = '2030-01-02T03:05:05.000Z';
const request: RegisterRelayCommand = {
  relay_id: 'r1',
  name: 'dmz',
  connection: 'shop',
  public_key: 'A'.repeat(43),
  key_sha256: 'ab'.repeat(32),
  joined_by: { kind: 'join-token', id: 't1' },
};
const optional = { version: null, queue_reference: null, vault_reference: null };
const registered: RelayEvent = { type: 'RelayRegistered', data: { ...request, ...optional, at } };
const removed: RelayEvent = { type: 'RelayRemoved', data: { at: now } };
const became = (status: 'HEALTHY' | 'DEGRADED' | 'OFFLINE', reason: string): RelayEvent => ({
  type: 'RelayHealthChanged',
  data: { status, reason, at: now },
});
const register = (more: Partial<RegisterRelayCommand> = {}): RelayCommand => ({
  type: 'RegisterRelay',
  request: { ...request, ...more },
  now,
});
const beat = (queue: 'up' | 'down', spooled = 0): RelayCommand => ({
  type: 'RecordHeartbeat',
  load: { queue, spooled, lag_seconds: 7 },
  now,
});
const silence: RelayCommand = { type: 'RecordSilence', seconds: 46.4, now };
const remove: RelayCommand = { type: 'RemoveRelay', now };

describe('a relay', () => {
  it('is registered once, however often it asks', () => {
    given(relayDecider)
      .when(register())
      .then({ ...registered, data: { ...registered.data, at: now } });
    given(relayDecider, registered).when(register()).thenNothing();
  });

  it.each<Partial<RegisterRelayCommand>>([
    { public_key: 'B'.repeat(43) },
    { key_sha256: 'cd'.repeat(32) },
    { connection: 'other' },
    { name: 'other' },
    { version: '2' },
    { joined_by: { kind: 'join-token', id: 't2' } },
  ])('is not taken over by another registration: %j', (more) => {
    given(relayDecider, registered).when(register(more)).thenRejected('idempotency_key_reused');
  });

  it('is DEGRADED while its queue is away, and HEALTHY again', () => {
    given(relayDecider, registered).when(beat('up')).thenNothing();
    const degraded = became(
      'DEGRADED',
      'its queue is away or refuses it: 1 delivery waits on its disk, the oldest for 7 s',
    );
    given(relayDecider, registered).when(beat('down', 1)).then(degraded);
    given(relayDecider, registered, degraded).when(beat('down', 2)).thenNothing();
    given(relayDecider, registered, degraded).when(beat('up')).then(became('HEALTHY', 'heartbeat'));
  });

  it('is OFFLINE when it is silent, until it is heard again', () => {
    const offline = became('OFFLINE', 'no heartbeat for 46 s');
    given(relayDecider, registered).when(silence).then(offline);
    given(relayDecider, registered, offline).when(silence).thenNothing();
    given(relayDecider, registered, offline).when(beat('up')).then(became('HEALTHY', 'heartbeat'));
  });

  it('that is removed stays so', () => {
    given(relayDecider, registered).when(remove).then(removed);
    given(relayDecider, registered, removed).when(remove).thenNothing();
    given(relayDecider, registered, removed).when(register()).thenRejected('relay_removed');
    for (const command of [beat('up'), silence])
      given(relayDecider, registered, removed).when(command).thenRejected('relay_not_found');
  });

  it('that never was is not there', () => {
    for (const command of [beat('up'), silence, remove])
      given(relayDecider).when(command).thenRejected('relay_not_found');
  });
});
