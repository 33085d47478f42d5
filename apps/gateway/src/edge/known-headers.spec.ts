import { describe, expect, it } from '@jest/globals';
import { fastify as makeFastify } from 'fastify';
import { dropUnknownHeaders, KNOWN_HEADERS } from './known-headers.js';

describe('headers', () => {
  it('that nobody reads are gone before anybody could', async () => {
    const fastify = makeFastify();
    dropUnknownHeaders(fastify);
    fastify.get('/', ({ headers }) => headers);
    const sent = { 'x-secret': 's', baggage: 'b', 'X-Artifact-Type': 't' };
    const known = { Accept: '*/*', 'idempotency-key': 'k', cookie: 'a=b; c=d' };
    const answer = await fastify.inject({ url: '/', headers: { ...sent, ...known } });
    const { host, 'user-agent': agent, ...seen } = answer.json<Record<string, string>>();
    expect([host, agent]).toEqual([expect.any(String), expect.any(String)]);
    expect(seen).toEqual({ accept: '*/*', 'idempotency-key': 'k', cookie: 'a=b; c=d' });
  });

  it('are listed in lower case, as Node tells them', () => {
    expect(Object.keys(KNOWN_HEADERS).filter((name) => name !== name.toLowerCase())).toEqual([]);
  });
});
