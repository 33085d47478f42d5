/** What sign-in is made of, opened before the gateway: settings are checked, and buckets made, at the start. */
import type { Provider } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import type { GatewaySettings } from '../gateway.settings.js';
import { Logins } from './logins.js';
import { isLoopback } from './loopback.js';
import { readProviders } from './providers/provider-settings.js';
import { Providers } from './providers/providers.js';
import { PublicUrl } from './public-url.js';
import { Sessions } from './sessions.js';

export interface SignInParts {
  providers: Providers;
  publicUrl: PublicUrl;
  sessions: Sessions;
  logins: Logins;
}

/** @throws Error that names the setting that is wrong. */
export async function openSignIn(settings: GatewaySettings, nats: NatsConnection): Promise<SignInParts> {
  const { HYBRID_PUBLIC_URL, HYBRID_PROVIDERS_FILE, HYBRID_HOST } = settings;
  const publicUrl = PublicUrl.parse(HYBRID_PUBLIC_URL);
  const providers = await readProviders(HYBRID_PROVIDERS_FILE);
  if (providers.length > 0 && !HYBRID_PUBLIC_URL && !isLoopback(HYBRID_HOST))
    throw new Error(
      'HYBRID_PUBLIC_URL must be set where people sign in with providers: the https:// address of this gateway, which they send people back to',
    );
  return {
    publicUrl,
    providers: new Providers(providers),
    sessions: await Sessions.open(nats, settings.SESSION_TTL_SECONDS),
    logins: await Logins.open(nats),
  };
}

export function signInProviders({ providers, publicUrl, sessions, logins }: SignInParts): Provider[] {
  return [
    { provide: Providers, useValue: providers },
    { provide: PublicUrl, useValue: publicUrl },
    { provide: Sessions, useValue: sessions },
    { provide: Logins, useValue: logins },
  ];
}
