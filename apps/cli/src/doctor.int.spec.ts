import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DoctorReport } from '@hybrid/contracts';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeGateway, TOKEN } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const ROUTE = 'GET /api/operations/doctor';
const FINDING = { setting: 'HYBRID_KEYS', finding: 'it is open \u001b[2J', remedy: 'close it' };

describe('hybrid doctor', () => {
  let gateway: FakeGateway;
  let url: string;
  let version: string;
  const run = (args: string[] = [], env: NodeJS.ProcessEnv = {}) =>
    cliResult(runCli(['doctor', ...args], { url, cwd: root, env }));
  const answers = (more: Partial<DoctorReport> = {}) =>
    gateway.answers.set(ROUTE, {
      status: 200,
      body: { version, findings: [], services: [healthy], ...more },
    });
  const healthy: DoctorReport['services'][number] = {
    service: 'queue',
    ...{ status: 'healthy', dependencies: { nats: 'up' }, version: null, findings: [] },
  };

  beforeEach(async () => {
    gateway = new FakeGateway([]);
    url = await gateway.listen();
    version = (await cliResult(runCli(['--version']))).stdout.trim();
  });
  afterEach(() => gateway.close());

  it('ends with 0 where there is nothing to mend', async () => {
    answers();
    expect(await run()).toEqual({ code: 0, stdout: `nothing found; version ${version}\n`, stderr: '' });
  });

  it('shows findings of the gateway and of services, each with its remedy, and ends with 1', async () => {
    answers({
      findings: [FINDING],
      services: [{ ...healthy, findings: [{ ...FINDING, setting: 'NATS_URL' }] }],
    });
    const { code, stdout } = await run();
    expect(code).toBe(1);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['WHERE', 'SETTING', 'FINDING', 'REMEDY'],
      ['gateway', 'HYBRID_KEYS', 'it is open', 'close it'],
      ['queue', 'NATS_URL', 'it is open', 'close it'],
      [''],
    ]);
    const json = await run(['-o', 'json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ version, findings: [FINDING], client: [] });
  });

  it('names services that are not well, and ends with 3', async () => {
    answers({
      services: [{ ...healthy, status: 'unhealthy', dependencies: { nats: 'up', postgres: 'down' } }],
    });
    expect(await run()).toEqual({ code: 3, stdout: '', stderr: 'queue: unhealthy, without postgres\n' });
  });

  it('finds versions that differ, and clocks that do', async () => {
    answers({ version: '9.9.9', services: [{ ...healthy, version: '8.8.8' }] });
    gateway.date = new Date(Date.now() - 3_600_000);
    const { code, stdout } = await run(['-o', 'json']);
    expect(code).toBe(1);
    const { client } = JSON.parse(stdout) as { client: { setting: string; finding: string }[] };
    expect(client.map(({ setting }) => setting)).toEqual(['clock', 'version', 'version']);
    expect(client[0]?.finding).toMatch(/ 36\d\d s apart$|^.* 3599 s apart$/);
  });

  it('finds a token that others may read', async () => {
    answers();
    const directory = await mkdtemp(join(tmpdir(), 'hybrid-doctor-'));
    const file = join(directory, 'token');
    try {
      await writeFile(file, TOKEN, { mode: 0o600 });
      expect(await run(['--token-file', file])).toMatchObject({ code: 0 });
      await chmod(file, 0o644);
      const { code, stdout } = await run(['--token-file', file]);
      expect(code).toBe(1);
      expect(stdout).toContain(`chmod 600 ${file}`);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('tells what is seen from here also where the server cannot be asked', async () => {
    const { code, stderr } = await run(['--url', 'http://hybrid.invalid:1']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^HYBRID_URL: the token goes to hybrid\.invalid over plain http/);
    gateway.answers.set(ROUTE, {
      status: 403,
      body: { code: 'forbidden', detail: 'only the administrator' },
    });
    expect(await run()).toMatchObject({ code: 3, stderr: 'error: only the administrator\n' });
  });
});
