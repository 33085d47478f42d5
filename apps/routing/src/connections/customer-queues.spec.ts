import type { QueueConfig, ReaderAccess } from '@hybrid/user-queue';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRoutingSettings } from '../routing.settings.js';
import type { ConnectionConfigured } from './connection.events.js';
import { accessFound, CustomerQueues } from './customer-queues.js';

const REDIS: QueueConfig = {
  kind: 'redis',
  url: 'redis://127.0.0.1:1',
  stream: 's',
  group: 'g',
  aside: 'a',
};

describe('the queues of customers', () => {
  let folder: string;
  const queues = (more: NodeJS.ProcessEnv = {}) =>
    new CustomerQueues(readRoutingSettings({ HYBRID_QUEUE_DIRECTORIES: join(folder, 'queues'), ...more }));
  const configured = (queue: QueueConfig, credential?: string): ConnectionConfigured => ({
    connection: 'shop',
    version: 1,
    external_id: 'x',
    at: '2030-01-02T03:04:05.000Z',
    configuration: {
      version: 1,
      name: 'shop',
      environment: 'test',
      queue,
      ...(credential !== undefined && { credentials: { control_plane: { name: credential } } }),
      routes: { rules: [] },
    },
  });
  const directory = (...path: string[]) => configured({ kind: 'directory', path: join(folder, ...path) });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-queues-'));
    await mkdir(join(folder, 'queues', 'shop'), { recursive: true });
    await mkdir(join(folder, 'credentials', 'acme'), { recursive: true });
    await writeFile(join(folder, 'credentials', 'acme', 'reader'), 'reader:s3cret\n');
    await writeFile(join(folder, 'credentials', 'other'), 's3cret');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('may be folders below those that the operator names, and no others', async () => {
    expect(await queues().look(directory('queues', 'shop'), 'acme')).toEqual({
      status: 'CONNECTED',
      code: null,
      message: null,
    });
    for (const path of [['queues'], ['queues-2', 'shop'], ['queues', '..', 'credentials'], ['credentials']])
      expect(await queues().look(directory(...path), 'acme')).toMatchObject({
        status: 'REFUSED',
        code: 'queue_misconfigured',
      });
    expect(() => queues().check(directory('elsewhere').configuration)).toThrow('HYBRID_QUEUE_DIRECTORIES');
    expect(
      await queues({ HYBRID_QUEUE_DIRECTORIES: '' }).look(directory('queues', 'shop'), 'acme'),
    ).toMatchObject({ status: 'REFUSED' });
  });

  it('in place of a cloud are for trying out alone', () => {
    const { configuration } = configured({
      kind: 'gcp_pubsub',
      project: 'p',
      topic: 't',
      subscription: 's',
      aside: 'a',
      endpoint: '127.0.0.1:8085',
    });
    expect(() => queues().check(configuration)).toThrow('HYBRID_PRIVATE_QUEUES=yes');
    queues({ HYBRID_PRIVATE_QUEUES: 'yes' }).check(configuration);
  });

  it.each(['../other', '..', 'acme/reader', '.hidden', 'missing'])(
    'are opened with a credential of their own organisation: not %s',
    async (name) => {
      const own = queues({ HYBRID_QUEUE_CREDENTIALS: join(folder, 'credentials') });
      const found = await own.look(configured(REDIS, name), 'acme');
      expect(found).toMatchObject({ status: 'REFUSED', code: 'queue_misconfigured' });
      expect(JSON.stringify(found)).not.toContain('s3cret');
    },
  );

  it('at private addresses are refused unless the operator lets it', async () => {
    const own = queues({ HYBRID_QUEUE_CREDENTIALS: join(folder, 'credentials') });
    const found = await own.look(configured(REDIS, 'reader'), 'acme');
    expect(found.status).toBe('REFUSED');
    expect(found.message).not.toContain('s3cret');
  });

  it('are refused where the credential may send, or may not read', () => {
    const found = (receive: ReaderAccess['receive'], send: ReaderAccess['send']) =>
      accessFound({ receive, remove: 'allowed', send, remedies: ['take it away'] });
    expect(found('allowed', 'allowed')).toEqual({
      status: 'REFUSED',
      code: 'may_send',
      message: 'take it away',
    });
    expect(found('denied', 'denied')).toMatchObject({ code: 'queue_denied' });
    expect(found('allowed', 'denied')).toMatchObject({ status: 'CONNECTED' });
  });
});
