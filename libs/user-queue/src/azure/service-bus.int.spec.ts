import { describe, expect, it } from '@jest/globals';
import { openReader, openWriter } from '../open.js';
import type { AzureServiceBusQueue } from '../queue-config.js';
import { describeQueue } from '../queue-contract.fixtures.js';
import { startServiceBus } from './service-bus-server.fixtures.js';

describeQueue('azure service bus (a fake of its broker)', startServiceBus, {
  backlog: 'only Azure Monitor knows it',
});

describe('azure service bus', () => {
  const config: AzureServiceBusQueue = {
    kind: 'azure_service_bus',
    namespace: 'example.servicebus.windows.net',
    queue: 'q',
  };
  const policy = 'SharedAccessKeyName=reader;SharedAccessKey=secret-of-the-key';

  it('takes a connection string of the configured namespace alone', async () => {
    const credential = `Endpoint=sb://other.servicebus.windows.net/;${policy}`;
    await expect(openReader(config, { credential })).rejects.toMatchObject({
      code: 'queue_misconfigured',
      message: 'the connection string is of another namespace than example.servicebus.windows.net',
    });
  });

  it('speaks plain text to this machine alone', async () => {
    const credential = `Endpoint=sb://example.servicebus.windows.net/;${policy};UseDevelopmentEmulator=true`;
    await expect(openWriter(config, { credential })).rejects.toMatchObject({ code: 'queue_misconfigured' });
  });

  it.each([
    '',
    'secret-of-the-key',
    `Endpoint=https://x;${policy}`,
    'Endpoint=sb://example.servicebus.windows.net/',
  ])('wants a connection string, and does not repeat it: %s', async (credential) => {
    const error: unknown = await openWriter(config, { credential }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'queue_misconfigured' });
    expect(String(error)).not.toContain('secret-of-the-key');
  });

  it('never shows the identity of the machine to a host that is not of Azure', async () => {
    await expect(openReader({ ...config, namespace: 'example.com' })).rejects.toMatchObject({
      code: 'queue_misconfigured',
    });
  });
});
