import { createServer } from 'node:http';
import { greet } from './greeting.js';

/** The service, not listening yet. */
export function createService({ word = 'Hello' } = {}) {
  return createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://service');
    const answer = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.method !== 'GET') return answer(405, { error: 'only GET is answered here' });
    if (pathname === '/health') return answer(200, { status: 'healthy' });
    if (pathname !== '/hello') return answer(404, { error: `there is no ${pathname}` });
    try {
      answer(200, { greeting: greet(searchParams.get('name') ?? '', word) });
    } catch (error) {
      answer(400, { error: error.message });
    }
  });
}
