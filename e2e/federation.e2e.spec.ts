import { TOKEN_EXCHANGE, TOKEN_TYPES, type ExchangedToken, type TrustRuleView } from '@hybrid/contracts';
import { streamName } from '@hybrid/event-store';
import { eventually, TokenIssuer } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, HandAgent, jobOf, type Answer } from './http/client.js';
import { startSystem, type System } from './system.js';

/** For so long a gateway that hears of no change goes on with what it remembers. */
const REMEMBERED_MS = 10_000;
const WAIT_SECONDS = 50;

describe('a workload that its platform vouches for', () => {
  let system: System;
  let issuer: TokenIssuer;
  let gateways: string[];
  const secrets: string[] = [];

  beforeAll(async () => {
    issuer = await TokenIssuer.start();
    system = await startSystem({ separate: true, replicas: { gateway: 2, queue: 1 } });
    gateways = ['gateway-1', 'gateway-2'].map(
      (name) => `http://127.0.0.1:${system.part(name).ready['port'] as number}`,
    );
  });
  afterAll(async () => {
    await system?.stop();
    await issuer?.stop();
  });

  const trust = async (pool: string, subject: string) => {
    const rule = { name: 'pods', pool, issuer: issuer.url, audience: 'hybrid', subject };
    const { status, body } = await system.admin<TrustRuleView>('POST /api/trust-rules', { json: rule });
    expect({ status, body }).toMatchObject({ status: 201, body: rule });
    return body;
  };
  const exchange = async (sub: string, url = gateways[0]!) => {
    const subject_token = await issuer.sign({ sub, aud: 'hybrid' });
    secrets.push(subject_token);
    const form = { grant_type: TOKEN_EXCHANGE, subject_token, subject_token_type: TOKEN_TYPES.jwt };
    return ask<ExchangedToken & { code?: string }>(url, 'POST /api/agents/token', {
      body: new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
  };
  /** Lists of rules are behind by a moment. */
  const joinBy = async (sub: string, pool: string) => {
    const { access_token } = await eventually(async () => {
      const { status, body } = await exchange(sub);
      expect({ status, body }).toMatchObject({ status: 200, body: { pool } });
      return body;
    });
    const agent = await HandAgent.register(gateways[1]!, access_token, pool);
    secrets.push(access_token, agent.token);
    return { agent, access_token };
  };
  const refused = (answer: Answer<unknown>, code: string) =>
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 401, body: { code } });

  it('joins the pool of the rule with its own credential, which ends, and works', async () => {
    const sub = 'system:serviceaccount:ci:runner-7';
    const rule = await trust('pods', 'system:serviceaccount:ci:*');
    const { agent } = await joinBy(sub, 'pods');
    await system.admin('POST /api/queue/jobs', { json: jobOf('work', 'pods') });
    const job = await agent.take();
    expect((await agent.finish(job)).status).toBe(200);

    const events: { data: unknown; metadata: unknown }[] = [];
    const { eventStore } = system.platform.connections;
    for await (const { event } of eventStore.readStream(streamName('agent', agent.id)))
      events.push({ data: event!.data, metadata: event!.metadata });
    expect(events[0]).toMatchObject({
      data: {
        pool: 'pods',
        joined_by: { kind: 'rule', id: rule.rule_id },
        key: { expires_at: expect.any(String) as unknown },
      },
      metadata: { actor: { type: 'joiner', id: `rule/${rule.rule_id}/${sub}` } },
    });
  });

  it('is refused at every gateway once the rule is removed, and so is who would join by it', async () => {
    const sub = 'repo:acme/shop:ref:main';
    const { rule_id } = await trust('shop', 'repo:acme/*:ref:main');
    const { agent, access_token } = await joinBy(sub, 'shop');
    const own = `GET /api/agents/${agent.id}`;
    for (const url of gateways) expect((await ask(url, own, { token: agent.token })).status).toBe(200);

    // It was let in before, and would be given the next job.
    const waiting = agent.claim(WAIT_SECONDS);
    const removed = await ask(gateways[0]!, `DELETE /api/trust-rules/${rule_id}`, {
      token: system.adminToken,
    });
    expect(removed.status).toBe(200);
    const at = performance.now();
    for (const url of gateways)
      await eventually(async () =>
        refused(await ask(url, own, { token: agent.token }), 'trust_rule_removed'),
      );
    expect(performance.now() - at).toBeLessThan(REMEMBERED_MS);
    expect([401, 404]).toContain((await waiting).status);
    expect(performance.now() - at).toBeLessThan(WAIT_SECONDS * 1000);
    refused(await agent.claim(), 'trust_rule_removed');
    for (const url of gateways)
      refused(
        await ask(url, 'POST /api/agents/register', { token: access_token, json: { name: 'again' } }),
        'trust_rule_removed',
      );
    await eventually(async () => refused(await exchange(sub), 'workload_no_rule_fits'));
  });

  it('is an agent of ours, which renews its credential, and ends once the rule is removed', async () => {
    const sub = 'system:serviceaccount:runners:agent';
    const { rule_id } = await trust('runners', sub);
    await eventually(async () => expect(await exchange(sub)).toMatchObject({ status: 200 }));
    const file = join(system.platform.directory, 'workload-token');
    const renew = async () => {
      const token = await issuer.sign({ sub, aud: 'hybrid' });
      secrets.push(token);
      await writeFile(file, token);
    };
    await renew();
    const { process, ready } = await system.startAgent('agent-1', {
      args: ['--pool', 'runners', '--workload-token-file', file],
      joins: false,
    });
    const id = ready['agent_id'] as string;
    const work = async (name: string) => {
      const { body } = await system.admin<{ id: string }>('POST /api/queue/jobs', {
        json: jobOf(name, 'runners'),
      });
      await eventually(
        async () =>
          expect((await system.admin(`GET /api/queue/jobs/${body.id}`)).body).toMatchObject({
            status: 'COMPLETED',
          }),
        120_000,
      );
    };
    await work('before');

    await renew();
    expect((await system.admin(`POST /api/agents/${id}/rotate`, { json: {} })).status).toBe(200);
    const log = () => readFile(join(system.platform.directory, 'agent-1.log'), 'utf8');
    await eventually(async () => expect(await log()).toContain('vouched for it anew'), 60_000);
    await work('after');
    const credential = JSON.parse(
      await readFile(join(system.platform.directory, 'agent-1', 'credential.json'), 'utf8'),
    ) as { agent_id: string; credential: string };
    expect(credential.agent_id).toBe(id);
    secrets.push(credential.credential);

    expect((await system.admin(`DELETE /api/trust-rules/${rule_id}`)).status).toBe(200);
    expect(await process.exited).toMatchObject({ code: 1 });
    expect(await log()).toMatch(/401 trust_rule_removed/);
    expect(await log()).toMatch(/does not take|registration was refused \(trust_rule_removed/);
  });

  it('leaves none of its tokens in any log', async () => {
    const names = ['gateway-1', 'gateway-2', 'identity', 'agents', 'agent-1'];
    const logs = await Promise.all(
      names.map((name) => readFile(join(system.platform.directory, `${name}.log`), 'utf8')),
    );
    for (const secret of secrets) expect(logs.join('\n')).not.toContain(secret);
  });
});
