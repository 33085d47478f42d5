/** Access control lists at a server that asks for no credentials: kept, and in nobody's way. Ours with users: src/access. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { events, revisions } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;

beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target?.stop());

it.each([
  [
    'roles',
    { readRoles: ['nobody'], writeRoles: 'nobody', deleteRoles: [], metaReadRoles: [], metaWriteRoles: [] },
  ],
  ['the default of system streams', '$systemStreamAcl'],
])('an ACL that names %s is kept, and hinders nobody', async (_what, acl) => {
  const client = target.client();
  const stream = target.name('listed');
  await client.setStreamMetadata(stream, { acl } as never);
  await client.appendToStream(stream, events(2));
  expect(await revisions(client, stream)).toEqual([0, 1]);
  expect((await client.getStreamMetadata(stream)).metadata).toEqual({ acl });
  await client.deleteStream(stream);
});
