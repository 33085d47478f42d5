import { startS3, type S3Server } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logText } from '../test/fake-gateway.js';
import { completed, workbench } from '../test/workbench.js';

const makeBig = 'head -c 4000000 /dev/urandom > big';
const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('artifacts through the gateway', () => {
  const bench = workbench();
  const spec = { execution_id: 'run-1' };
  const artifacts_in = [{ execution_id: 'run-1', key: 'big', dest: 'got' }];

  it('go on from where the gateway is, when the line broke', async () => {
    await bench.startReady();
    const there = Buffer.alloc(3000, 'a');
    bench.gateway.uploads.set('run-1 big', there);
    bench.gateway.fail('PUT', /artifacts/, 'hang up');
    const config = { artifacts_out: [{ key: 'big', path: 'big', retention_days: 3 }] };
    const job = bench.shell([`head -c 5000 /dev/zero | tr '\\0' a > big`], config, { spec });
    expect(await completed(job)).toMatchObject({ exit_code: 0, artifacts: [{ key: 'big', size: 5000 }] });
    expect(bench.gateway.puts).toMatchObject([{ offset: 3000, length: 2000 }]);
    expect(bench.gateway.puts[0]?.query).toContain('retention_days=3');
    expect(bench.gateway.artifacts.get('run-1 big')?.bytes.equals(Buffer.alloc(5000, 'a'))).toBe(true);
  });

  it('begin anew where the gateway has forgotten the upload', async () => {
    await bench.startReady();
    bench.gateway.fail('PUT', /artifacts/, { status: 409, json: { code: 'upload_offset', detail: '' } });
    const config = { artifacts_out: [{ key: 'big', path: 'big' }] };
    const job = bench.shell(['echo hello > big'], config, { spec });
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    expect(bench.gateway.puts).toMatchObject([{ offset: 0, length: 6 }]);
  });

  it('are fetched on from where the line broke, and checked', async () => {
    await bench.startReady();
    const make = bench.shell([makeBig], { artifacts_out: [{ key: 'big', path: 'big' }] }, { spec });
    expect(await completed(make)).toMatchObject({ exit_code: 0 });
    bench.gateway.cutDownloads.push(1_000_000, 2_000_000);
    const use = bench.shell(['wc -c < got | tr -d " "'], {}, { spec: { artifacts_in } });
    expect(await completed(use)).toMatchObject({ exit_code: 0 });
    expect(logText(use)).toContain('4000000');
    const [first, second, third] = bench.gateway.gets;
    expect(first).toBe(0);
    expect(second).toBeGreaterThan(0);
    expect(third).toBeGreaterThan(second!);
  });
});

describe('artifacts in the customer’s own store', () => {
  const bench = workbench();
  let s3: S3Server;
  beforeAll(async () => void (s3 = await startS3()));
  afterAll(() => s3.close());
  const spec = { execution_id: 'run-1' };
  const tree = { artifacts_out: [{ key: 'a tree', path: 'out', retention_days: 7 }] };
  const makeTree = ['mkdir out', 'echo hello > out/a.txt'];
  const artifacts_in = [{ execution_id: 'run-1', key: 'a tree', dest: 'got' }];

  it('never reach the gateway, which is told of them; and come back from there', async () => {
    await bench.startReady(['--artifact-store', s3.url('team/ci')], s3.env);
    const { artifacts } = await completed(bench.shell(makeTree, tree, { spec }));
    const told = bench.gateway.elsewhere.get('run-1 a tree')!;
    expect(told).toMatchObject({
      size: artifacts?.[0]?.size,
      sha256: artifacts?.[0]?.sha256,
      content_type: 'application/vnd.hybrid.tar+gzip',
      retention_days: 7,
    });
    expect(told.location).toMatch(
      /^s3:\/\/artifacts\/team\/ci\/artifacts\/run-1\/_[0-9a-f]{40}\/[0-9a-f]{64}$/,
    );
    expect(bench.gateway.artifacts.size).toBe(0);
    expect(bench.gateway.requests.filter((one) => one.startsWith('PUT'))).toEqual([]);

    const use = bench.shell(['cat got/a.txt'], {}, { spec: { artifacts_in } });
    expect(await completed(use)).toMatchObject({ exit_code: 0 });
    expect(logText(use)).toContain('hello');
  });

  it('may be a directory that agents share', async () => {
    const store = join(bench.home, 'store');
    await bench.startReady(['--artifact-store', `file://${store}`]);
    expect(await completed(bench.shell(makeTree, tree, { spec }))).toMatchObject({ exit_code: 0 });
    const use = bench.shell(['cat got/a.txt'], {}, { spec: { artifacts_in } });
    expect(await completed(use)).toMatchObject({ exit_code: 0 });

    // What somebody altered there is not taken.
    const [name] = (await readdir(join(store, 'artifacts'), { recursive: true })).filter((one) =>
      /[0-9a-f]{64}$/.test(one),
    );
    const file = join(store, 'artifacts', name!);
    const bytes = await readFile(file);
    await writeFile(file, Buffer.alloc(bytes.length, 'x'));
    const altered = await completed(bench.shell(['true'], {}, { spec: { artifacts_in } }));
    expect(altered).toMatchObject({
      exit_code: -1,
      error_message: expect.stringMatching(
        /a tree could not be fetched: .* is not what was stored.*run the step/,
      ) as unknown,
    });
    expect(altered.error_message).toContain(sha256Of(bytes));
  });

  it('are out of reach for an agent that has no such store, which says so', async () => {
    const store = `file://${join(bench.home, 'store')}`;
    const first = await bench.startReady(['--artifact-store', store]);
    expect(await completed(bench.shell(makeTree, tree, { spec }))).toMatchObject({ exit_code: 0 });
    first.child.kill('SIGTERM');
    await first.ended;
    await bench.startReady(['--data', join(bench.home, 'other')]);
    const use = await completed(bench.shell(['true'], {}, { spec: { artifacts_in } }));
    expect(use).toMatchObject({
      exit_code: -1,
      error_message: expect.stringMatching(
        /the artifact a tree lies at file:.*this agent has no store of its own: start it with an --artifact-store/,
      ) as unknown,
    });
  });

  it('say what is wrong with the bucket', async () => {
    const url = s3.url('x').replace('s3://artifacts', 's3://no-such-bucket');
    await bench.startReady(['--artifact-store', url], s3.env);
    expect(await completed(bench.shell(makeTree, tree, { spec }))).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('there is no such bucket') as unknown,
    });
  });
});
