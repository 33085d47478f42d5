import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { netZeroExample } from '@hybrid/net-zero';
import { FakeGateway } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const delivery = {
  v: 1,
  id: '5ba31aa8-9d4b-5f0b-a8a4-1f2a6c0b7f11',
  relay_id: '0192d3a4-0000-7000-8000-000000000001',
  source: 'github',
  tool: 'github',
  kind: 'tag',
  event: 'push',
  action: null,
  delivery: null,
  received_at: '2026-01-02T03:04:05Z',
  payload: { bytes: 1234, keyed_sha256: 'ab'.repeat(32), key_id: 'k1' },
  metadata: { repository: 'acme/web', tag: 'v1.2.0', author: 'ada' },
};
const connection = {
  connection: 'acme-production',
  version: 2,
  environment: 'production',
  queue_kind: 'nats',
  queue_reference: 'nats stream DELIVERIES at nats.acme.example',
  status: 'REFUSED',
  message: 'the credential may publish: take that away',
  external_id: 'x-1',
  backlog: { messages: 3, oldest_seconds: 5 },
  configuration: {},
  created_at: '2026-01-02T03:04:05Z',
  updated_at: '2026-01-02T03:04:05Z',
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hybrid-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);

describe('the net-zero configuration', () => {
  // No control plane is there.
  const cli = (...args: string[]) => cliResult(runCli(args, { url: 'http://127.0.0.1:9', cwd: directory }));

  it('begins with an example that is valid', async () => {
    expect((await cli('config', 'validate')).stderr).toContain('`hybrid config init` writes one');
    expect(await cli('config', 'init')).toMatchObject({ code: 0, stderr: '' });
    expect(await cli('config', 'validate')).toEqual({
      code: 0,
      stdout: 'net-zero.yaml is valid\n',
      stderr: '',
    });
    expect((await cli('config', 'init')).stderr).toContain('is there already; it is left as it is');
  });

  it('is shown with its errors, each with a caret under it', async () => {
    write('net-zero.yaml', netZeroExample);
    write('bad.yaml', netZeroExample.replace('tool: github', 'tool: githb'));
    const { code, stdout, stderr } = await cli('config', 'validate', 'net-zero.yaml', 'bad.yaml');
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'net-zero.yaml is valid\n' });
    expect(stderr).toMatch(
      /^bad\.yaml:\d+:13: .*did you mean `github`\?\n +\d+ │ +tool: githb\n {5}│ {13}\^$/m,
    );
    write('other.yaml', netZeroExample);
    expect((await cli('config', 'validate', 'net-zero.yaml', 'other.yaml')).stderr).toContain(
      'other.yaml: name: `acme-production` is the connection of net-zero.yaml, too',
    );
  });

  it('is tried with an event, without any server', async () => {
    write('net-zero.yaml', netZeroExample);
    const { source, tool, kind, event, metadata } = delivery;
    write('event.json', JSON.stringify({ source, tool, kind, event, metadata }));
    const { code, stdout } = await cli('routes', 'test', 'event.json');
    expect(code).toBe(0);
    expect(stdout).toContain('✘ robots\n    ✘ author  author ada does not fit "dependabot*, renovate*"\n');
    expect(stdout).toContain('✔ release\n');
    expect(stdout).toContain('2 more not asked');
    expect(stdout).toContain(
      'rule release: run {"pipeline":"release","pool":"trusted","inputs":{"version":"v1.2.0","repository":"acme/web"}}\n  because kind tag fits "tag"',
    );
    const json = JSON.parse((await cli('routes', 'test', 'event.json', '-o', 'json')).stdout) as object;
    expect(json).toMatchObject({
      events: [{ decisions: [{ rule: 'release' }], asked: [{ fits: false }, { fits: true }] }],
    });
    write('event.json', JSON.stringify({ source, tool, kind, event }));
    expect(await cli('routes', 'test', 'event.json')).toMatchObject({
      code: 2,
      stderr: 'error: event.json is no delivery: metadata lacks repository\n',
    });
  });
});

describe('a webhook of a host', () => {
  const cli = (...args: string[]) => cliResult(runCli(args, { url: 'http://127.0.0.1:9', cwd: directory }));
  const recorded = (name: string) => join(root, `libs/webhooks/src/recorded/${name}.json`);

  it('is tried as a relay would pass it on', async () => {
    write('net-zero.yaml', netZeroExample);
    const { code, stdout, stderr } = await cli(
      ...['routes', 'test', recorded('gitlab-tag'), '--tool', 'gitlab', '--event', 'Tag Push Hook'],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^tag \(Tag Push Hook\): repository="acme\/web" .*tag="v1\.2\.0"/);
    expect(stdout).toContain('rule release: run {"pipeline":"release"');
  });

  it('may tell of several events, or of none that passes', async () => {
    write('net-zero.yaml', netZeroExample);
    const several = ['routes', 'test', recorded('bitbucket-push-several'), '--tool', 'bitbucket'];
    const json = JSON.parse((await cli(...several, '--event', 'repo:push', '-o', 'json')).stdout) as {
      events: { delivery: { id: string; source: string } }[];
    };
    expect(new Set(json.events.map(({ delivery }) => delivery.id)).size).toBeGreaterThan(1);
    expect((await cli(...several, '--event', 'repo:fork')).stderr).toContain(
      'a relay would pass on nothing: ',
    );
    expect((await cli(...several)).stderr).toContain('--tool needs --event');
  });

  it('is reduced by configurations that are checked with the others', async () => {
    const tools = join(root, 'config/webhooks/tools');
    expect(await cli('config', 'validate', join(tools, 'github.yaml'))).toMatchObject({
      code: 0,
      stderr: '',
    });
    write('hmac.yaml', readFileSync(join(tools, 'hmac.yaml'), 'utf8').replace('kind: other', 'kind: othr'));
    const { code, stderr } = await cli('config', 'validate', 'hmac.yaml');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hmac\.yaml:\d+:\d+: .*did you mean `other`\?$/m);
    write('body.json', '{}');
    write('net-zero.yaml', netZeroExample);
    const own = ['routes', 'test', 'body.json', '--tool', 'hmac', '--event', 'built', '--tools', '.'];
    expect(await cli(...own)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('hmac.yaml has errors'),
    });
  });
});

describe('with a control plane', () => {
  const gateway = new FakeGateway([]);
  let url: string;
  beforeAll(async () => {
    url = await gateway.listen();
  });
  afterAll(() => gateway.close());
  const cli = (...args: string[]) => cliResult(runCli(args, { url, cwd: directory }));
  const answers = (route: string, body: unknown) => gateway.answers.set(route, { status: 200, body });

  it('tells it its part of the configuration, and keeps what is secret or the relay’s', async () => {
    write('net-zero.yaml', netZeroExample);
    expect(gateway.requests).toEqual([]);
    expect((await cli('config', 'apply', '--dry-run')).stdout).toContain('name: acme-production\n');
    expect(gateway.requests).toEqual([]);
    answers('PUT /api/connections/acme-production', connection);
    const { code, stdout, stderr } = await cli('config', 'apply');
    expect(code).toBe(0);
    expect(stderr).toContain('stays here: relay, credentials.relay, comments\n');
    expect(stdout).toBe(
      'connection acme-production version 2 is refused: the credential may publish: take that away\n',
    );
    const { configuration } = gateway.requests.at(-1)!.body;
    expect(configuration).toContain('name: release');
    expect(configuration).not.toMatch(/relay|HYBRID_JOIN_TOKEN|GITHUB_WEBHOOK_SECRET|\/run\/secrets|#/);
  });

  it('shows connections, and looks at them anew', async () => {
    answers('GET /api/connections', { connections: [connection], total: 1, next_cursor: null });
    expect((await cli('connection', 'list')).stdout).toContain(
      'acme-production  2        production   refused  3',
    );
    answers('POST /api/connections/acme-production/verify', connection);
    const refused = await cli('connection', 'verify', 'acme-production');
    expect(refused).toMatchObject({ code: 1, stdout: expect.stringContaining('take that away') as unknown });
    answers('POST /api/connections/acme-production/verify', { ...connection, status: 'CONNECTED' });
    expect((await cli('connection', 'verify', 'acme-production')).code).toBe(0);
    answers('POST /api/connections/acme-production/pause', {
      ...connection,
      status: 'PAUSED',
      message: 'a move',
    });
    expect((await cli('connection', 'pause', 'acme-production', '--reason', 'a move')).stdout).toBe(
      'connection acme-production version 2 is paused: a move\n',
    );
    expect(gateway.requests.at(-1)!.body).toEqual({ reason: 'a move' });
  });

  it('explains what was decided about a delivery', async () => {
    const runs = [{ pipeline: 'release', run_id: 'run-7' }];
    answers(`GET /api/deliveries/${delivery.id}`, {
      delivery_id: delivery.id,
      connection: 'acme-production',
      connection_version: 2,
      status: 'ROUTED',
      delivery,
      decisions: [{ rule: 'release', do: 'run', because: 'kind tag fits "tag"', runs, message: null }],
      message: null,
      seconds: 0.4,
      at: '2026-01-02T03:04:05Z',
    });
    const { stdout } = await cli('delivery', 'view', delivery.id);
    expect(stdout).toContain('routed 2026-01-02T03:04:05Z, 0.4 s after the relay had it\n');
    expect(stdout).toContain('  tag: v1.2.0\n');
    expect(stdout).toContain('rule release: run\n  because kind tag fits "tag"\n  run run-7 of release\n');
  });

  it('lists relays, triggers and schedules, and lets the run of a fork begin', async () => {
    const last = { last_run_id: null, last_fired_at: null };
    const trigger = { pipeline: 'web', repository: 'acme/web', kind: 'push', when: 'branches main', ...last };
    answers('GET /api/triggers', { triggers: [trigger], total: 1, next_cursor: null });
    expect((await cli('trigger', 'list')).stdout).toContain(
      'web       acme/web    push  branches main  never',
    );
    const schedule = { pipeline: 'web', cron: '0 3 * * *', next_at: '2026-01-03T03:00:00Z', ...last };
    answers('GET /api/schedules', { schedules: [schedule], total: 1, next_cursor: null });
    expect((await cli('schedule', 'list')).stdout).toContain('2026-01-03T03:00:00Z  never');
    answers('GET /api/relays', { relays: [], total: 0, next_cursor: null });
    expect((await cli('relay', 'list', '--status', 'OFFLINE')).stdout).toContain('LAST HEARTBEAT');
    expect(gateway.requests.at(-1)!.query).toContain('status=OFFLINE');
    answers('POST /api/runs/run-1/approve', { ...gateway.run, status: 'RUNNING' });
    expect((await cli('run', 'approve', 'run-1')).stdout).toBe('run run-1 is approved: it is running\n');
  });
});

describe('hybrid webhook send', () => {
  const seen: { headers: IncomingHttpHeaders; body: string }[] = [];
  let status = 202;
  const relay = createServer((request, response) => {
    void buffer(request).then((body) => {
      seen.push({ headers: request.headers, body: body.toString() });
      response.writeHead(status).end('{"delivery_id":"d-1"}');
    });
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((listening) => relay.listen(0, '127.0.0.1', listening));
    url = `http://127.0.0.1:${(relay.address() as AddressInfo).port}/webhooks/github`;
  });
  afterAll(() => void relay.close());

  it('signs the bytes of the file as the host does', async () => {
    write('secret', "It's a Secret to Everybody\n");
    write('body', 'Hello, World!');
    const send = () =>
      cliResult(
        runCli(
          [
            'webhook',
            'send',
            url,
            '--tool',
            'github',
            '--event',
            'push',
            '--secret-file',
            'secret',
            '--body',
            'body',
          ],
          { cwd: directory },
        ),
      );
    expect(await send()).toEqual({ code: 0, stdout: '202 Accepted\n{"delivery_id":"d-1"}\n', stderr: '' });
    expect(seen[0]).toMatchObject({
      body: 'Hello, World!',
      headers: {
        'x-github-event': 'push',
        'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
      },
    });
    status = 401;
    expect(await send()).toMatchObject({ code: 1, stderr: `error: ${url} refused the webhook\n` });
  });
});
