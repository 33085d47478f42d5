import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { untilHealthy, type Watched } from './health-check.js';

/** What a server answers, one after the other, the last for ever: a status, or silence. */
type Answer = number | 'silence';

describe('a health check', () => {
  let server: Server;
  let asked: number;
  let answers: Answer[];
  beforeEach(async () => {
    asked = 0;
    server = createServer((_, response) => {
      const answer = answers[Math.min(asked++, answers.length - 1)]!;
      if (answer !== 'silence') response.writeHead(answer, { location: '/elsewhere' }).end('x');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const check = (script: Answer[], more: Partial<Watched['check']> = {}, gone?: Watched['gone']) => {
    answers = script;
    return untilHealthy({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`,
      check: {
        path: '/health',
        intervalMs: 5,
        timeoutMs: 60_000,
        healthyThreshold: 3,
        unhealthyThreshold: 2,
        startPeriodMs: 0,
        ...more,
      },
      gone: gone ?? (async () => undefined),
      signal: AbortSignal.timeout(60_000),
    });
  };

  it('wants good answers in a row; a redirect is one', async () => {
    expect(await check([200, 204, 503, 200, 301, 200])).toBeUndefined();
    expect(asked).toBe(6);
  });

  it('gives up after bad answers in a row, and says what was wrong last', async () => {
    expect(await check([200, 500, 200, 500, 404])).toBe(
      'its health check failed 2 times in a row: GET /health answered 404',
    );
    expect(asked).toBe(5);
  });

  it('does not count failures within the start period, before the first good answer', async () => {
    expect(await check([500, 500, 500, 500, 200, 200, 200], { startPeriodMs: 3_600_000 })).toBeUndefined();
    asked = 0;
    const after = await check([500, 200, 500, 500], { startPeriodMs: 3_600_000 });
    expect(after).toContain('answered 500');
    expect(asked).toBe(4);
  });

  it('waits no longer for an answer than it may', async () => {
    expect(await check(['silence'], { timeoutMs: 50 })).toContain('did not answer in 0.05 s');
  });

  it('ends at once when there is nobody to ask any more', async () => {
    expect(await check([500], { startPeriodMs: 3_600_000 }, async () => 'it ended with exit code 1')).toBe(
      'it ended with exit code 1',
    );
    expect(asked).toBe(0);
  });

  it('says that nobody listens', async () => {
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const trouble = await untilHealthy({
      url: `http://127.0.0.1:${port}/`,
      check: {
        path: '/',
        intervalMs: 5,
        timeoutMs: 60_000,
        healthyThreshold: 1,
        unhealthyThreshold: 1,
        startPeriodMs: 0,
      },
      gone: async () => undefined,
      signal: AbortSignal.timeout(60_000),
    });
    expect(trouble).toBe('its health check failed: GET / got no answer (ECONNREFUSED)');
    server.listen(0);
  });
});
