import { expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { dockerSettings } from './docker-settings.js';
import { DockerTarget } from './docker-target.js';

it('tells the engine secrets in the body of a request alone: addresses are logged', async () => {
  const heard: { url: string; body: string }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      heard.push({ url: request.url ?? '', body });
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"Id":"new"}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const deployment = {
      ...{ environment: 'staging', service: 'web', id: 'the-job', image: 'web:1', settings: {} },
      ...{ strategy: 'recreate' as const, rollbackOnFailure: true, env: { TOKEN: 'hunter22' } },
    };
    const target = new DockerTarget(new Docker({ host: '127.0.0.1', port, protocol: 'http' }), deployment);
    await target.create(deployment, dockerSettings({}), undefined);
  } finally {
    server.close();
    server.closeAllConnections();
  }
  expect(heard).toEqual([
    { url: '/containers/create?name=hybrid.staging.web.next', body: expect.stringContaining('hunter22') },
  ]);
});
