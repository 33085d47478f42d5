import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentProcess } from '../test/agent-process.js';
import { logText } from '../test/fake-gateway.js';
import { completed, ready, workbench } from '../test/workbench.js';

const tokenOf = (name: string) => `eyJhbGciOiJFUzI1NiJ9.e30.signature-of-${name}`;

describe('an agent that its platform vouches for', () => {
  const bench = workbench();
  const file = () => join(bench.home, 'workload-token');
  /** As Kubernetes does: whoever reads it reads the one before, or this one. */
  const write = async (token: string) => {
    await writeFile(`${file()}.new`, `${token}\n`);
    await rename(`${file()}.new`, file());
  };
  const args = (...more: string[]) => ['--workload-token-file', file(), '--pool', 'pods', ...more];
  const start = (...more: string[]) => bench.start(args(...more), { HYBRID_JOIN_TOKEN: '' });
  const startReady = async (...more: string[]): Promise<AgentProcess> => {
    await write(tokenOf('first'));
    bench.gateway.workloadTokens.add(tokenOf('first'));
    const agent = start(...more);
    await ready(agent);
    return agent;
  };
  const running = async () => {
    const gate = join(bench.home, 'go-on');
    const job = bench.shell([`until test -e ${gate}; do sleep 0.1; done`, 'echo done']);
    await eventually(() => expect(job.started).toBe(1));
    return { job, finish: () => writeFile(gate, '') };
  };

  it('joins by the token in the file, and is the same agent in its next life', async () => {
    const first = await startReady('--organisation', 'acme');
    const { agent_id } = await ready(first);
    expect(bench.gateway.exchanges).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: tokenOf('first'),
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        organisation: 'acme',
        pool: 'pods',
      },
    ]);
    expect(bench.gateway.registrations).toMatchObject([
      { token: `access-${tokenOf('first')}`, body: { name: 'tester', pool: 'pods' } },
    ]);
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
    first.child.kill('SIGKILL');
    await first.ended;

    const again = await startReady('--organisation', 'acme', '--name', 'renamed');
    expect((await ready(again)).agent_id).toBe(agent_id);
    const [one, two] = bench.gateway.registrations;
    expect(two).toEqual(one);
    expect(bench.gateway.gone).toEqual([]);
  });

  it('renews its credential before that ends, beside a job that goes on, by what the file holds then', async () => {
    bench.gateway.credentialSeconds = 12;
    const agent = await startReady();
    const { job, finish } = await running();
    await write(tokenOf('second'));
    bench.gateway.workloadTokens.clear();
    bench.gateway.workloadTokens.add(tokenOf('second'));
    await eventually(() => expect(agent.stderr).toContain('its platform vouched for it anew'));
    expect(bench.gateway.exchanges.at(-1)).toMatchObject({ subject_token: tokenOf('second') });
    bench.gateway.credentialSeconds = 3600;
    // Whatever the machine was busy with: the one after the second holds.
    await eventually(() => expect(bench.gateway.registrations.length).toBeGreaterThan(2));
    await finish();
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    expect(job.started).toBe(1);
    expect(new Set(bench.gateway.registrations.map(({ key }) => key)).size).toBe(1);
    const kept = await readFile(join(bench.data, 'credential.json'), 'utf8');
    expect(kept).toContain(bench.gateway.credentials.at(-1));
  });

  it('renews it when the control plane wishes', async () => {
    const agent = await startReady();
    bench.gateway.rotate = true;
    await eventually(() => expect(agent.stderr).toContain('its platform vouched for it anew'));
    expect(bench.gateway.requests.filter((one) => one.endsWith('/credential'))).toEqual([]);
  });

  it('tells of a refused renewal once, and tries again until it is taken', async () => {
    const agent = await startReady();
    const { job, finish } = await running();
    bench.gateway.fail('POST', /token$/, 'hang up', 1);
    bench.gateway.workloadTokens.clear();
    bench.gateway.rotate = true;
    await eventually(() => expect(bench.gateway.exchanges.length).toBeGreaterThan(3));
    expect(agent.stderr.match(/cannot be renewed, and ends .*workload_token_expired/g)).toHaveLength(1);
    expect(agent.stderr).not.toContain('signature-of');
    bench.gateway.workloadTokens.add(tokenOf('first'));
    await eventually(() => expect(agent.stderr).toContain('its platform vouched for it anew'));
    await finish();
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
  });

  it('stays who it is when its credential has ended, and its jobs go on', async () => {
    const agent = await startReady();
    const { job, finish } = await running();
    bench.gateway.endCredentials();
    await eventually(() => expect(bench.gateway.registrations).toHaveLength(2));
    expect(agent.stderr).toContain('refused with 401 agent_unknown');
    await finish();
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    expect(job.started).toBe(1);
    expect(agent.stdout.trim().split('\n')).toHaveLength(2);
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
  });

  it('ends, and says what was refused, when nobody vouches for it any more', async () => {
    const agent = await startReady();
    const { job } = await running();
    bench.gateway.workloadTokens.clear();
    bench.gateway.fail('POST', /heartbeat$/, {
      status: 401,
      json: { code: 'trust_rule_removed', detail: 'ask an administrator' },
    });
    expect(await agent.ended).toBe(1);
    expect(agent.stderr).toContain('401 trust_rule_removed: ask an administrator');
    expect(agent.stderr).toMatch(
      /does not take .* for pool pods of organisation default \(workload_token_exp/,
    );
    expect(job.completed).toEqual([]);
  });

  it.each(['agent_deregistered', 'idempotency_key_reused'])(
    'is another agent when it cannot be the one before: %s',
    async (code) => {
      const first = await startReady();
      const { agent_id } = await ready(first);
      first.child.kill('SIGTERM');
      await first.ended;
      bench.gateway.fail('POST', /register$/, { status: 409, json: { code, detail: '' } });
      const again = await startReady();
      expect((await ready(again)).agent_id).not.toBe(agent_id);
      expect(bench.gateway.gone).toEqual([agent_id]);
    },
  );

  it('lets no step print the token', async () => {
    await startReady();
    const job = bench.shell([`cat ${file()}`]);
    await completed(job);
    expect(logText(job)).toContain('.***');
    expect(logText(job)).not.toContain('signature-of');
  });

  it('asks a command where there is no file', async () => {
    const command = ['--workload-token-command', `/bin/echo ${tokenOf('HOME')}`];
    bench.gateway.workloadTokens.add(tokenOf('HOME'));
    await ready(bench.start(command, { HYBRID_JOIN_TOKEN: '' }));
    expect(bench.gateway.exchanges).toMatchObject([{ subject_token: tokenOf('HOME') }]);
  });

  it.each([
    ['printf not-a-token', /of the command printf is none: it must be one JWT/],
    [
      'cat /nowhere/secret-argument',
      /of the command cat cannot be had: it ended with 1: cat: .*No such file/,
    ],
    ['/nowhere/program', /cannot be had: it ended with ENOENT/],
    ['sleep 1000', /cannot be had: it takes longer than 10 s/],
  ])('says what is wrong with the command %s', async (command, message) => {
    const agent = bench.start(['--workload-token-command', command], { HYBRID_JOIN_TOKEN: '' });
    expect(await agent.ended).toBe(1);
    expect(agent.stderr).toMatch(message);
    expect(bench.gateway.exchanges).toEqual([]);
  });

  it('says when the file is not there, or holds no token', async () => {
    const missing = start();
    expect(await missing.ended).toBe(1);
    expect(missing.stderr).toMatch(/workload token in .* cannot be had: ENOENT/);
    await write('two words');
    const none = start();
    expect(await none.ended).toBe(1);
    expect(none.stderr).toContain('is none: it must be one JWT');
    expect(none.stderr).not.toContain('two words');
  });
});
