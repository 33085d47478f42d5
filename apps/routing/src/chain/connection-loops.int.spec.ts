import { routingRequests } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectionId } from '../connections/customer-connections.js';
import { RoutingBench } from '../routing.fixtures.js';

const { connection: one, deleteConnection, pauseConnection, resumeConnection } = routingRequests;
const LIMIT = 3;

describe('the connections that a replica polls', () => {
  let bench: RoutingBench;

  beforeAll(async () => {
    bench = await RoutingBench.start();
    process.env['HYBRID_MAX_CONNECTIONS'] = `${LIMIT}`;
    await bench.replica();
  });
  afterAll(async () => {
    delete process.env['HYBRID_MAX_CONNECTIONS'];
    await bench?.stop();
  });

  const becomes = (connection: string, status: string) =>
    eventually(async () => expect(await bench.send(one, { connection })).toMatchObject({ status }));

  it('are opened while another takes long to end, whose next reader waits for that', async () => {
    // What its reader says of the backlog has to wait for us.
    const { pool } = bench.platform.connections;
    const holder = await pool.connect();
    const id = connectionId(bench.admin.org, 'slow');
    try {
      await holder.query('begin');
      await holder.query('insert into routing.backlogs (id, org, seen_at) values ($1, $2, now())', [id, 'x']);
      await bench.put('slow');
      await eventually(async () => {
        const { rowCount } = await pool.query('select from pg_locks where not granted');
        expect(rowCount).toBe(1);
      });
      await bench.send(pauseConnection, { connection: 'slow', reason: 'it hangs' });
      await bench.put('beside');
      await becomes('beside', 'CONNECTED');
      await bench.send(resumeConnection, { connection: 'slow' });
      await bench.put('beside-again');
      await becomes('beside-again', 'CONNECTED');
      expect(await bench.send(one, { connection: 'slow' })).toMatchObject({ status: 'CHECKING' });
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    await becomes('slow', 'CONNECTED');
  });

  it('are as many as an organisation may have, also where all are made at once', async () => {
    const full = { problem: { code: 'connections_full' } };
    const other = callBy('user', 'someone', 'other');
    const names = Array.from({ length: 2 * LIMIT }, (_, index) => `many-${index}`);
    const made = await Promise.allSettled(names.map((name) => bench.put(name, {}, other)));
    const [has] = names.filter((_, index) => made[index]!.status === 'fulfilled');
    const refused = made.filter((one) => one.status === 'rejected');
    expect(refused).toMatchObject(Array.from({ length: LIMIT }, () => ({ reason: full })));
    expect(await bench.put(has!, { environment: 'changed' }, other)).toMatchObject({ version: 2 });
    await expect(bench.put('more', {}, other)).rejects.toMatchObject(full);
    await bench.send(deleteConnection, { connection: has! }, other);
    await bench.put('more', {}, other);
    await expect(bench.put(has!, {}, other)).rejects.toMatchObject(full);
  });
});
