import { describe, expect, it } from '@jest/globals';
import { addressesOf, endpointOf } from './host.js';

const redis = { plain: 'redis:', secure: 'rediss:', port: 6379 };

describe('where a queue is', () => {
  it('is a host, a port, and TLS that looks at the name', () => {
    expect(endpointOf('redis://queue.example.com', redis)).toEqual({ host: 'queue.example.com', port: 6379 });
    expect(endpointOf('redis://[::1]:7000', redis)).toEqual({ host: '::1', port: 7000 });
    expect(endpointOf('rediss://queue.example.com:7000', redis)).toMatchObject({
      port: 7000,
      tls: { servername: 'queue.example.com' },
    });
    expect(endpointOf('rediss://192.0.2.1', redis).tls?.servername).toBeUndefined();
  });

  it.each([
    'redis://user:pass-word@host',
    'redis://:pass-word@host',
    'redis://host?pass-word',
    'http://pass-word',
    'pass-word',
    'redis://',
  ])('is refused as %s, and not repeated', (url) => {
    let said = '';
    try {
      endpointOf(url, redis);
    } catch (error) {
      said = `${(error as { code: string }).code} ${(error as Error).stack}`;
    }
    expect(said).toMatch(/^queue_misconfigured/);
    expect(said).not.toContain('pass-word');
  });

  it('is asked about by its addresses, all of them, and told without them', async () => {
    const asked: string[] = [];
    const allowHost = (address: string) => asked.push(address) > 0;
    const addresses = await addressesOf({ host: 'localhost', port: 1 }, { allowHost });
    expect(asked).toEqual(addresses);
    expect(addresses).toContain('127.0.0.1');
    const refused = addressesOf({ host: 'localhost', port: 1 }, { allowHost: () => false });
    await expect(refused).rejects.toMatchObject({
      code: 'queue_misconfigured',
      message: expect.not.stringContaining('127.0') as unknown as string,
    });
    // However it is written.
    await expect(
      addressesOf({ host: '0x7f.1', port: 1 }, { allowHost: (address) => address !== '127.0.0.1' }),
    ).rejects.toMatchObject({ name: 'QueueError' });
  });

  it('is spoken to without TLS on this machine only, unless it may be elsewhere', async () => {
    const elsewhere = { host: '192.0.2.1', port: 1 };
    await expect(addressesOf(elsewhere, {})).rejects.toMatchObject({ code: 'queue_misconfigured' });
    expect(await addressesOf(elsewhere, { allowPlainText: true })).toEqual(['192.0.2.1']);
    expect(await addressesOf({ ...elsewhere, tls: {} }, {})).toEqual(['192.0.2.1']);
    expect(await addressesOf({ host: '127.0.0.1', port: 1 }, {})).toEqual(['127.0.0.1']);
  });

  it('is away where its name is not known', async () => {
    await expect(addressesOf({ host: 'queue.invalid', port: 1 }, {})).rejects.toMatchObject({
      code: 'queue_unavailable',
    });
  });
});
