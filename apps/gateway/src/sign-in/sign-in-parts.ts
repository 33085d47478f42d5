/** What sign-in is made of, opened before the gateway: settings are checked, and buckets made, at the start. */
import type { Provider } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import type { GatewaySettings } from '../gateway.settings.js';
import { Logins } from './logins.js';
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
  return {
    publicUrl: PublicUrl.parse(settings.HYBRID_PUBLIC_URL),
    providers: new Providers(await readProviders(settings.HYBRID_PROVIDERS_FILE)),
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
