import { given } from '@hybrid/testing';
import { describe, it } from '@jest/globals';
import { connectionDecider, type ConnectionCommand } from './connection.decider.js';
import type { AccessFound, ConnectionEvent, ControlPlanePart } from './connection.events.js';

const at = '2030-01-02T03:04:05.000Z';
const now = '2030-01-02T03:05:05.000Z';
const configuration = (environment = 'test'): ControlPlanePart => ({
  version: 1,
  name: 'shop',
  environment,
  queue: { kind: 'directory', path: '/var/queues/shop' },
  routes: { rules: [] },
});
const configure = (environment = 'test', external_id = 'x1'): ConnectionCommand => ({
  type: 'ConfigureConnection',
  connection: 'shop',
  configuration: configuration(environment),
  external_id,
  now,
});
const configured = (version = 1, environment = 'test', when = at): ConnectionEvent => ({
  type: 'ConnectionConfigured',
  data: {
    connection: 'shop',
    version,
    configuration: configuration(environment),
    external_id: 'x1',
    at: when,
  },
});
const pause: ConnectionCommand = { type: 'PauseConnection', reason: 'moved', now };
const paused: ConnectionEvent = { type: 'ConnectionPaused', data: { reason: 'moved', at: now } };
const resume: ConnectionCommand = { type: 'ResumeConnection', now };
const resumed: ConnectionEvent = { type: 'ConnectionResumed', data: { at: now } };
const remove: ConnectionCommand = { type: 'DeleteConnection', now };
const deleted: ConnectionEvent = { type: 'ConnectionDeleted', data: { at: now } };
const connected: AccessFound = { status: 'CONNECTED', code: null, message: null };
const away = (message: string): AccessFound => ({
  status: 'UNREACHABLE',
  code: 'queue_unavailable',
  message,
});
const refused = (message: string): AccessFound => ({ status: 'REFUSED', code: 'may_send', message });
const record = (found: AccessFound, version = 1): ConnectionCommand => ({
  type: 'RecordAccess',
  version,
  found,
  now,
});
const found = (access: AccessFound): ConnectionEvent => ({
  type: 'ConnectionAccessFound',
  data: { ...access, at: now },
});

describe('a connection', () => {
  it('has a version more with each changed configuration, and keeps its external id', () => {
    given(connectionDecider)
      .when(configure())
      .then(configured(1, 'test', now));
    given(connectionDecider, configured()).when(configure('test', 'x2')).thenNothing();
    given(connectionDecider, configured())
      .when(configure('live', 'x2'))
      .then(configured(2, 'live', now));
  });

  it('goes on counting after it was deleted', () => {
    given(connectionDecider, configured(), deleted)
      .when(configure())
      .then(configured(2, 'test', now));
  });

  it('is paused and resumed, each once', () => {
    given(connectionDecider, configured()).when(pause).then(paused);
    given(connectionDecider, configured(), paused).when(pause).thenNothing();
    given(connectionDecider, configured(), paused).when(resume).then(resumed);
    given(connectionDecider, configured()).when(resume).thenNothing();
  });

  it('tells what was found of its queue where it is news', () => {
    given(connectionDecider, configured()).when(record(connected)).then(found(connected));
    given(connectionDecider, configured(), found(connected)).when(record(connected)).thenNothing();
    given(connectionDecider, configured(), found(connected))
      .when(record(away('port 1')))
      .then(found(away('port 1')));
    given(connectionDecider, configured(), found(away('port 1')))
      .when(record(away('port 2')))
      .thenNothing();
    given(connectionDecider, configured(), found(refused('a')))
      .when(record(refused('b')))
      .then(found(refused('b')));
  });

  it('passes over what was found by another configuration', () => {
    given(connectionDecider, configured(2)).when(record(connected, 1)).thenNothing();
    given(connectionDecider, configured(), found(connected), configured(2, 'live'))
      .when(record(connected, 2))
      .then(found(connected));
  });

  it('that was deleted, or never was, is not there', () => {
    given(connectionDecider, configured()).when(remove).then(deleted);
    given(connectionDecider, configured(), deleted).when(remove).thenNothing();
    for (const command of [pause, resume, record(connected)]) {
      given(connectionDecider, configured(), deleted).when(command).thenRejected('connection_not_found');
      given(connectionDecider).when(command).thenRejected('connection_not_found');
    }
    given(connectionDecider).when(remove).thenRejected('connection_not_found');
  });
});
