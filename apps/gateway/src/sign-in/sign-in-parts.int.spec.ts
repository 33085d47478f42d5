import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewaySettings } from '../gateway.settings.js';
import { openSignIn } from './sign-in-parts.js';

describe('the settings of sign-in', () => {
  let platform: Platform;
  let directory: string;
  beforeAll(async () => {
    platform = await startPlatform();
    directory = await mkdtemp(join(tmpdir(), 'hybrid-providers-'));
    await writeFile(join(directory, 'providers.yaml'), 'google: { client_id: g }\n');
  });
  afterAll(async () => {
    await platform?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const open = (settings: Partial<GatewaySettings>) =>
    openSignIn(Object.assign(new GatewaySettings(), settings), platform.connections.nats);
  const HYBRID_PROVIDERS_FILE = () => join(directory, 'providers.yaml');

  it('are checked before the gateway listens, but no provider is asked', async () => {
    const { providers } = await open({ HYBRID_PROVIDERS_FILE: HYBRID_PROVIDERS_FILE() });
    expect(providers.all.map(({ title }) => title)).toEqual(['Google']);
    await expect(open({ HYBRID_PUBLIC_URL: 'http://hybrid.example.com' })).rejects.toThrow(/https:\/\//);
    await expect(open({ HYBRID_PROVIDERS_FILE: '/nowhere' })).rejects.toThrow(/HYBRID_PROVIDERS_FILE/);
  });

  it('name the address that providers send people back to, where it is not this machine', async () => {
    const settings = { HYBRID_PROVIDERS_FILE: HYBRID_PROVIDERS_FILE(), HYBRID_HOST: '0.0.0.0' };
    await expect(open(settings)).rejects.toThrow(/HYBRID_PUBLIC_URL must be set/);
    await open({ ...settings, HYBRID_PUBLIC_URL: 'https://hybrid.example.com' });
  });
});
