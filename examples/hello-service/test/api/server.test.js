import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { createService } from '../../src/server.js';

describe('the API', () => {
  const server = createService();
  let url;
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${server.address().port}`;
  });
  after(() => server.close());

  it('greets', async () => {
    const response = await fetch(`${url}/hello?name=Ada`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { greeting: 'Hello, Ada!' });
  });
  it('says that it is healthy', async () => {
    assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: 'healthy' });
  });
  it('refuses a name that is none', async () => {
    assert.equal((await fetch(`${url}/hello?name=${'x'.repeat(51)}`)).status, 400);
  });
  it('refuses other paths and methods', async () => {
    assert.equal((await fetch(`${url}/other`)).status, 404);
    assert.equal((await fetch(`${url}/hello`, { method: 'POST' })).status, 405);
  });
});
