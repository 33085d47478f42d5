import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeGateway, TOKEN } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const EXPIRES = '2026-12-01T00:00:00.000Z';

describe('the commands that say who may act', () => {
  let gateway: FakeGateway;
  let url: string;
  const cli = (...args: string[]) => cliResult(runCli(args, { url, cwd: root }));
  const answer = (route: string, body: object, status = 200) => gateway.answers.set(route, { status, body });
  const last = () => gateway.requests.at(-1)!;

  beforeEach(async () => {
    gateway = new FakeGateway([]);
    url = await gateway.listen();
  });
  afterEach(() => gateway.close());

  it('make a key: the key alone on stdout, what it may on stderr', async () => {
    answer('POST /api/keys', {
      key: 'hyk_secret',
      key_id: 'k',
      expires_at: EXPIRES,
      roles: [{ role: 'viewer' }, { role: 'operator', pool: 'gpu' }],
    });
    const made = await cli(
      'key',
      'create',
      'ci',
      '--role',
      'viewer',
      '--role',
      'operator@pool:gpu',
      '--expires',
      '12h',
    );
    expect(made).toEqual({
      code: 0,
      stdout: 'hyk_secret\n',
      stderr: `shown only now; works until ${EXPIRES}; may do: viewer, operator@pool:gpu\n`,
    });
    expect(last().body).toEqual({
      name: 'ci',
      roles: [{ role: 'viewer' }, { role: 'operator', pool: 'gpu' }],
      expires_in_seconds: 43_200,
    });
    expect(last().headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it.each([
    [['key', 'create', 'ci'], "required option '--role <role>'"],
    [['key', 'create', 'ci', '--role', 'root'], 'it is one of viewer, developer'],
    [['key', 'create', 'ci', '--role', 'viewer', '--expires', 'soon'], 'such as 12h or 30d'],
    [['trust-rule', 'create', 'ci', '--pool', 'p'], "required option '--issuer <url>'"],
  ])('refuse %j, and say why', async (args, message) => {
    const { code, stderr } = await cli(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(gateway.requests).toEqual([]);
  });

  it('list keys without letting their names move the cursor', async () => {
    answer('GET /api/keys', {
      total: 2,
      next_cursor: 'c',
      keys: [
        {
          key_id: 'k1',
          name: 'evil\u001b[2Jname',
          roles: [{ role: 'viewer' }],
          created_by: 'user:u',
          expires_at: '2020-01-01T00:00:00.000Z',
          revoked_at: null,
          last_used_at: null,
        },
      ],
    });
    const { stdout, stderr } = await cli('key', 'list', '--limit', '1');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/k1 {2}evil.*name {2}viewer {2}user:u {2}expired {2}never/);
    expect(stderr).toBe('2 in all; the next ones: --cursor c\n');
    expect(last().query).toBe('limit=1');
  });

  it('invite: the link on stdout, ready to be sent', async () => {
    answer('POST /api/invitations', {
      path: '/auth/invitation#hyi_secret',
      expires_at: EXPIRES,
      roles: [{ role: 'admin' }],
    });
    const { stdout } = await cli('invite', 'create', '--role', 'admin', '--name', 'Ada');
    expect(stdout).toBe(`${url}/auth/invitation#hyi_secret\n`);
    expect(last().body).toEqual({ name: 'Ada', roles: [{ role: 'admin' }] });
  });

  it('act in the organisation that they are told', async () => {
    answer('GET /api/users', { users: [], total: 0, next_cursor: null });
    await cli('--organisation', 'acme', 'user', 'list');
    expect(last().headers['x-organisation']).toBe('acme');
    await cli('user', 'list');
    expect(last().headers['x-organisation']).toBeUndefined();
  });

  it('trust workloads by their claims', async () => {
    answer('POST /api/trust-rules', { rule_id: 'r', issuer: 'https://i', subject: 's', pool: 'gpu' });
    const options = ['--pool', 'gpu', '--issuer', 'https://i', '--audience', 'a', '--subject', 's'];
    const claims = ['--claim', 'owner=acme', '--claim', 'ref=a=b'];
    const { code, stdout } = await cli('trust-rule', 'create', 'ci', ...options, ...claims);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'r: s of https://i may join the pool gpu\n' });
    expect(last().body).toEqual({
      name: 'ci',
      pool: 'gpu',
      issuer: 'https://i',
      audience: 'a',
      subject: 's',
      claims: { owner: 'acme', ref: 'a=b' },
    });
  });

  it('say what was refused', async () => {
    answer('PUT /api/users/u/roles', { code: 'last_admin', detail: 'somebody must be left' }, 409);
    const { code, stderr } = await cli('user', 'roles', 'u', '--role', 'viewer');
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: somebody must be left\n' });
  });
});
