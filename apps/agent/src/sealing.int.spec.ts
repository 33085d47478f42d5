import type { LogLine } from '@hybrid/contracts';
import { makeSealKey, SealedReader, SEALED_TYPE, type SealKey } from '@hybrid/sealed';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { logText, type RecordedJob } from '../test/fake-gateway.js';
import { completed, workbench } from '../test/workbench.js';

const spec = { execution_id: 'run-1' };
const artifacts_out = [{ key: 'dist', path: 'out' }];
const artifacts_in = [{ execution_id: 'run-1', key: 'dist', dest: 'got' }];

describe('an agent that seals', () => {
  const bench = workbench();
  let key: SealKey;
  beforeAll(async () => void (key = await makeSealKey()));

  const sealing = (...more: string[]) => ['--seal-for', key.recipient, ...more];

  async function keyFile(): Promise<string> {
    const path = join(bench.home, 'key');
    await writeFile(path, `${key.identity}\n`, { mode: 0o600 });
    return path;
  }

  async function opened(
    job: RecordedJob,
  ): Promise<{ lines: LogLine[]; warnings: string[]; withoutEnd: number[] }> {
    const log = new SealedReader([key.identity]).log(job.job.id);
    const parts = [];
    for (const line of job.lines.values()) parts.push(await log.open({ ...line, attempt: job.job.attempt }));
    return {
      lines: parts.flatMap(({ lines }) => lines),
      warnings: parts.flatMap(({ warnings }) => warnings),
      withoutEnd: log.withoutEnd,
    };
  }

  it('sends no line of a log that others can read, and all of it, masked', async () => {
    await bench.startReady(sealing(), { HYBRID_SECRET_TOKEN: 'hunter22' });
    const job = bench.shell(['echo "marker {{.Secrets.TOKEN}}"', 'seq 1 3000']);
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    const sent = [...job.lines.values()];
    expect(sent.every(({ sealed }) => sealed?.for[0] === key.name)).toBe(true);
    expect(logText(job)).not.toMatch(/marker|hunter22/);
    const { lines, warnings, withoutEnd } = await opened(job);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index));
    expect(lines.map(({ text }) => text)).toEqual(expect.arrayContaining(['marker ***', '3000']));
    expect([warnings, withoutEnd]).toEqual([[], []]);
  });

  it('keeps the log of its customer’s own store as it is', async () => {
    const store = ['--logs', 'both', '--log-store', pathToFileURL(join(bench.home, 'logs')).href];
    await bench.startReady([...sealing(), ...store]);
    const job = bench.shell(['seq 1 100']);
    const { log } = await completed(job);
    expect((await opened(job)).lines).toHaveLength(log!.lines);
  });

  it('stores artifacts that others cannot read, and opens them for a later step', async () => {
    await bench.startReady(sealing('--unseal-key-file', await keyFile()));
    const make = bench.shell(['mkdir out', 'echo marker > out/a.txt'], { artifacts_out }, { spec });
    expect(await completed(make)).toMatchObject({ exit_code: 0 });
    const stored = bench.gateway.artifacts.get('run-1 dist')!;
    expect(stored.type).toBe(SEALED_TYPE);
    expect(stored.bytes.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    const use = bench.shell(['cat got/a.txt'], {}, { spec: { artifacts_in } });
    expect(await completed(use)).toMatchObject({ exit_code: 0 });
    expect((await opened(use)).lines.map(({ text }) => text)).toContain('marker');
  });

  it('knows an artifact again that an earlier attempt has stored, if it has the key', async () => {
    await bench.startReady(sealing('--unseal-key-file', await keyFile()));
    const out = { artifacts_out: [{ key: 'dist', path: 'out' }] };
    const first = await completed(bench.shell(['echo same > out'], out, { spec }));
    const exists = { status: 409, json: { code: 'artifact_exists', detail: 'with other bytes' } };
    bench.gateway.fail('PUT', /artifacts/, exists);
    const again = await completed(bench.shell(['echo same > out'], out, { spec }));
    expect(again).toMatchObject({ exit_code: 0, artifacts: first.artifacts });
    bench.gateway.fail('PUT', /artifacts/, exists);
    const other = await completed(bench.shell(['echo other > out'], out, { spec }));
    expect(other.error_message).toContain('artifact_exists');
  });

  it('says which setting is missing where it cannot open one', async () => {
    await bench.startReady(sealing('--seal', 'artifacts'));
    const make = bench.shell(['mkdir out', 'echo marker > out/a.txt'], { artifacts_out }, { spec });
    expect(await completed(make)).toMatchObject({ exit_code: 0 });
    expect(logText(make)).toContain('echo marker');
    const { error_message } = await completed(bench.shell(['true'], {}, { spec: { artifacts_in } }));
    expect(error_message).toMatch(/dist is encrypted .*start it with --unseal-key-file/);
  });

  it.each([
    [['--seal-for', 'age1abc'], /--seal-for: "age1abc" is no recipient/],
    [['--seal', 'logs'], /seal-for names no key/],
    [['--unseal-key-file', '/nowhere/key'], /unseal-key-file: \/nowhere\/key cannot be used: ENOENT/],
  ])('does not start with %j', async (args, message) => {
    const agent = bench.start(args);
    expect(await agent.ended).not.toBe(0);
    expect(agent.stderr).toMatch(message);
  });

  it('does not start where it should seal lines that never leave', async () => {
    const logs = ['--logs', 'customer', '--log-store', pathToFileURL(bench.home).href];
    const agent = bench.start(sealing('--seal', 'logs', ...logs));
    expect(await agent.ended).not.toBe(0);
    expect(agent.stderr).toMatch(/seal says logs, and none of them leave/);
  });
});
