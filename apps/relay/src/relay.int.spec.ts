import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { createHash, createHmac } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { commitOf, DIGEST_KEY, push, SECRET, send, workbench } from '../test/workbench.js';

describe('relay', () => {
  const bench = workbench();

  it('puts what is configured of a signed webhook on the queue, signed, and nothing else', async () => {
    const relay = await bench.start();
    const body = push(commitOf(1));
    const answer = await send(relay.url, body);
    expect(answer).toMatchObject({ status: 202, body: { status: 'accepted' } });
    const [delivery, ...others] = await eventually(async () => {
      const found = await bench.deliveries();
      expect(found).not.toEqual([]);
      return found;
    });
    expect(others).toEqual([]);
    const [relayId] = bench.controlPlane.relays.keys();
    expect(delivery).toMatchObject({
      id: answer.body['id'],
      relay_id: relayId,
      source: 'hub',
      tool: 'github',
      kind: 'push',
      event: 'push',
      delivery: '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      payload: {
        bytes: body.length,
        key_id: 'digests-1',
        keyed_sha256: createHmac('sha256', DIGEST_KEY).update(body).digest('hex'),
      },
      metadata: { repository: 'acme/web', branch: 'main', commit: commitOf(1) },
    });
    expect(JSON.stringify(delivery)).not.toContain('canary-payload-4711');
    expect(JSON.stringify(delivery)).not.toContain(createHash('sha256').update(body).digest('hex'));
  });

  it('takes the same body once, whatever else is said with it, also ten times at once and after a start', async () => {
    const first = await bench.start();
    const body = push(commitOf(1));
    const url = first.url;
    const headers = (index: number): Record<string, string> => ({ 'x-github-delivery': `other-${index}` });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => send(url, body, { headers: headers(index) })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(9).fill(200), 202]);
    const ids = new Set(answers.map((answer) => answer.body['id']));
    expect(ids.size).toBe(1);
    await eventually(async () => expect(await readdir(join(bench.queue.path, 'new'))).toHaveLength(1));
    await first.stop();
    const second = await bench.start();
    expect(await send(second.url, body)).toMatchObject({
      status: 200,
      body: { status: 'duplicate', id: [...ids][0] },
    });
    await send(second.url, push(commitOf(2)));
    await eventually(async () => expect(await readdir(join(bench.queue.path, 'new'))).toHaveLength(2));
  });

  it('makes a delivery of each branch and tag that one webhook tells of, and one webhook of all', async () => {
    const relay = await bench.start({
      sources: [{ name: 'bucket', tool: 'bitbucket', secrets: [{ file: 'github-secret' }] }],
    });
    const recorded = new URL(
      '../../../libs/webhooks/src/recorded/bitbucket-push-several.json',
      import.meta.url,
    );
    const body = await readFile(recorded, 'utf8');
    const headers = {
      'x-event-key': 'repo:push',
      'x-hub-signature': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
    };
    const answer = await send(relay.url, body, { source: 'bucket', headers });
    expect(answer).toMatchObject({ status: 202 });
    const found = await eventually(async () => {
      const deliveries = await bench.deliveries();
      expect(deliveries.length).toBeGreaterThan(1);
      return deliveries;
    });
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    expect(found.find(({ part }) => part === undefined)?.id).toBe(answer.body['id']);
    expect(await send(relay.url, body, { source: 'bucket', headers })).toMatchObject({
      status: 200,
      body: { status: 'duplicate', id: answer.body['id'] },
    });
  });

  it('answers a ping, and keeps nothing of it', async () => {
    const relay = await bench.start();
    const answer = await send(relay.url, '{"zen":"Design for failure."}', {
      headers: { 'x-github-event': 'ping' },
    });
    expect(answer).toMatchObject({ status: 200, body: { status: 'ignored' } });
    expect(await readdir(join(bench.home, 'data/journal'))).toEqual([]);
  });

  it('refuses what is not signed rightly, and tells nothing by it', async () => {
    const relay = await bench.start();
    const url = relay.url;
    const body = push(commitOf(1));
    const refused = {
      code: 'not_verified',
      detail: 'the signature is missing or wrong',
      title: 'Unauthorized',
    };
    for (const answer of [
      await send(url, body, { secret: 'another' }),
      await send(url, body, { headers: { 'x-hub-signature-256': '' } }),
      await send(url, `${body} `, {
        headers: {
          'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
        },
      }),
    ]) {
      expect(answer).toMatchObject({ status: 401, body: refused });
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    }
    expect(relay.told.match(/a webhook for hub from 127.0.0.1 is refused/g)).toHaveLength(3);
    expect(await readdir(join(bench.home, 'data/journal'))).toEqual([]);
  });

  it('answers whoever is refused too often with 429, but takes what is rightly signed', async () => {
    const relay = await bench.start();
    const url = relay.url;
    const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address });
    const bad = { secret: 'another', headers: from('203.0.113.7') };
    const answers = await Promise.all(Array.from({ length: 40 }, () => send(url, push(commitOf(1)), bad)));
    const late = answers.filter(({ status }) => status === 429);
    expect(late).toHaveLength(10);
    expect(Number(late[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await send(url, push(commitOf(1)), { headers: from('203.0.113.7') })).toMatchObject({
      status: 202,
    });
    expect(
      await send(url, push(commitOf(2)), { secret: 'another', headers: from('203.0.113.8') }),
    ).toMatchObject({
      status: 401,
    });
    expect(relay.told.match(/is refused/g)).toHaveLength(31);
  });

  it('refuses what comes for nobody, or in another form', async () => {
    const { url } = await bench.start();
    const cases: [Parameters<typeof send>[2], number, string][] = [
      [{ source: 'nobody' }, 404, 'source_unknown'],
      [{ headers: { 'content-type': 'text/plain' } }, 415, 'content_unsupported'],
      [{ headers: { 'content-encoding': 'gzip' } }, 415, 'content_unsupported'],
    ];
    for (const [options, status, code] of cases)
      expect(await send(url, push(commitOf(1)), options)).toMatchObject({ status, body: { code } });
    expect((await fetch(`${url}/webhooks/hub`)).status).toBe(404);
  });

  it('refuses a body above 25 MB, says so where it is announced, and lives on', async () => {
    const relay = await bench.start();
    const url = relay.url;
    expect(await head(url, ['content-type: application/json', 'content-length: 30000000'])).toContain(
      ' 413 ',
    );
    const large = JSON.stringify({ text: 'x'.repeat(24 * 1024 ** 2) });
    expect((await send(url, large, { secret: 'another' })).status).toBe(401);
    expect(await send(url, push(commitOf(1)))).toMatchObject({ status: 202 });
  });

  it('tells its health, numbers for Prometheus, and what a webhook became', async () => {
    const file = await bench.configure();
    const relay = bench.startProcess(['--config', file]);
    const url = await relay.url;
    const body = push(commitOf(1));
    const { id } = (await send(url, body)).body;
    await send(url, push(commitOf(1)));
    await send(url, push(commitOf(1)), { secret: 'another' });
    await eventually(async () => {
      const response = await fetch(`${url}/health/ready`);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        status: 'ready',
        queue: { status: 'up' },
        spool: { status: 'up', waiting: 0, lag_seconds: 0 },
        control_plane: { status: 'connected' },
      });
    });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const line of [
      /hybrid_webhook_relay_webhooks_total\{.*source="hub",outcome="accepted".*\} 1/,
      /hybrid_webhook_relay_webhooks_total\{.*source="hub",outcome="refused".*\} 1/,
      /hybrid_webhook_relay_deliveries_sent_total(\{.*\})? 1/,
      /hybrid_webhook_relay_spooled(\{.*\})? 0/,
      /hybrid_webhook_relay_spooled_bytes(\{.*\})? 0/,
      /hybrid_webhook_relay_lag_seconds(\{.*\})? 0/,
      /hybrid_webhook_relay_queue_up(\{.*\})? 1/,
    ])
      expect(text).toMatch(line);
    await eventually(() =>
      expect(bench.controlPlane.heartbeats().at(-1)).toMatchObject({
        received: 3,
        refused: 1,
        duplicates: 1,
        sent: 1,
        spooled: 0,
        lag_seconds: 0,
        queue: 'up',
      }),
    );
    const digest = createHash('sha256').update(body).digest('hex');
    const finder = bench.startProcess(['ledger', 'find', digest, '--config', file]);
    expect(await finder.ended).toBe(0);
    expect(JSON.parse(finder.stdout)).toMatchObject({
      sha256: digest,
      sent: true,
      deliveries: [{ id, source: 'hub' }],
    });
    for (const secret of [SECRET, DIGEST_KEY, 'join-me', 'canary-payload-4711'])
      expect(relay.stdout + relay.stderr).not.toContain(secret);
  });

  it('keeps key, registration and journal for its own user, and writes no secret', async () => {
    const relay = await bench.start();
    await send(relay.url, push(commitOf(1)));
    await send(relay.url, push(commitOf(1)), { secret: 'another' });
    const data = join(bench.home, 'data');
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    await relay.stop();
    for (const name of await readdir(data, { recursive: true })) {
      const { mode } = await stat(join(data, name));
      expect([name, mode & 0o077]).toEqual([name, 0]);
      if (!name.includes('.')) continue;
      const text = await readFile(join(data, name), 'utf8');
      for (const secret of [SECRET, DIGEST_KEY, 'join-me', 'canary-payload-4711'])
        expect(text).not.toContain(secret);
    }
    for (const secret of [SECRET, DIGEST_KEY, 'join-me', 'canary-payload-4711'])
      expect(relay.told).not.toContain(secret);
  });

  /** The first line of the answer to a request of which only the head is sent. */
  async function head(url: string, lines: string[]): Promise<string> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST /webhooks/hub HTTP/1.1\r\nhost: relay\r\n${lines.join('\r\n')}\r\n\r\n`);
    try {
      for await (const chunk of socket) return String(chunk).split('\r\n')[0] ?? '';
      return '';
    } finally {
      socket.destroy();
    }
  }
});
