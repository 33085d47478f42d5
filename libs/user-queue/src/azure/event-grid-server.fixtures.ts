/**
 * As much of the data plane of an Event Grid namespace as our SDK asks for, by HTTP. Keys have roles here, as identities
 * have at Azure, so that a reader without the right to send can be had without Entra ID.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lineTo } from '../line.fixtures.js';
import type { AzureEventGridQueue } from '../queue-config.js';
import type { QueueUnderTest } from '../queue-contract.fixtures.js';

interface Held {
  event: Record<string, unknown>;
  count: number;
  /** While it is somebody's. */
  lock?: { token: string; until: number };
}

const MAY: Record<string, string[]> = {
  WRITER: ['send'],
  READER: ['receive'],
  BOTH: ['send', 'receive'],
  STRANGER: [],
};
const LOCK_MS = 2_000;

export async function startEventGrid(): Promise<QueueUnderTest & { writer: AzureEventGridQueue }> {
  let held: Held[] = [];
  const dead: string[] = [];

  const receive = async (query: URLSearchParams, response: ServerResponse) => {
    const [most, wait] = [Number(query.get('maxEvents') ?? 1), Number(query.get('maxWaitTime') ?? 60)];
    if (most < 1 || most > 100 || wait < 10 || wait > 120)
      return answer(response, 400, { error: { code: 'BadRequest' } });
    const until = performance.now() + wait * 1000;
    let free: Held[] = [];
    while (free.length === 0 && performance.now() < until && !response.destroyed) {
      free = held.filter(({ lock }) => !lock || lock.until < performance.now()).slice(0, most);
      if (free.length === 0) await new Promise((again) => setTimeout(again, 10));
    }
    if (response.destroyed) return;
    for (const one of free) {
      one.count += 1;
      one.lock = { token: randomUUID(), until: performance.now() + LOCK_MS };
    }
    const value = free.map(({ event, count, lock }) => ({
      event,
      brokerProperties: { lockToken: lock!.token, deliveryCount: count },
    }));
    answer(response, 200, { value });
  };

  const settle = (how: string, tokens: string[], response: ServerResponse) => {
    const owned = tokens.filter((token) =>
      held.some(({ lock }) => lock?.token === token && lock.until > performance.now()),
    );
    const failed = tokens.filter((token) => !owned.includes(token));
    const ours = held.filter(({ lock }) => lock && owned.includes(lock.token));
    if (how === 'release') for (const one of ours) delete one.lock;
    else held = held.filter((one) => !ours.includes(one));
    if (how === 'reject') dead.push(...ours.map(({ event }) => String(event['data'])));
    answer(response, 200, {
      succeededLockTokens: owned,
      failedLockTokens: failed.map((lockToken) => ({
        lockToken,
        error: { code: 'TokenLost', message: 'lost' },
      })),
    });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://localhost');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString() || 'null') as unknown;
    const key = /^SharedAccessKey (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const known = MAY[key];
    if (!known)
      return answer(response, 401, {
        error: { code: 'Unauthorized', message: `the key ${key} is not known` },
      });
    const [, topic, how = ''] =
      /^\/topics\/([^/:]+)(?:\/eventsubscriptions\/reader)?:(\w+)$/.exec(pathname) ?? [];
    if (!known.includes(how === 'publish' ? 'send' : 'receive'))
      return answer(response, 403, { error: { code: 'Forbidden' } });
    if (topic !== 'deliveries') return answer(response, 404, { error: { code: 'NotFound' } });
    if (how === 'receive') return receive(searchParams, response);
    if (how !== 'publish') return settle(how, (body as { lockTokens: string[] }).lockTokens, response);
    const events = body as Record<string, unknown>[];
    if (events.some(({ source, type, id }) => !source || !type || !id))
      return answer(response, 400, { error: { code: 'BadRequest' } });
    held.push(...events.map((event) => ({ event, count: 0 })));
    answer(response, 200, {});
  };

  const server = createServer((request, response) => void serve(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const line = await lineTo((server.address() as AddressInfo).port);
  const config: AzureEventGridQueue = {
    kind: 'azure_event_grid',
    endpoint: `http://127.0.0.1:${line.port}`,
    topic: 'deliveries',
    subscription: 'reader',
  };
  const nowhere = { ...config, topic: 'nowhere' };
  return {
    writer: config,
    reader: config,
    credentials: {
      writer: 'WRITER',
      reader: 'READER',
      tooMuch: 'BOTH',
      wrong: 'wrong-secret',
      stranger: 'STRANGER',
    },
    missing: { writer: nowhere, reader: nowhere },
    aside: async () => dead,
    breakConnection: line.break,
    mendConnection: line.mend,
    stop: async () => {
      await line.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
