import { problem } from '@hybrid/contracts';
import { GithubProvider } from './github.provider.js';
import { OidcProvider } from './oidc.provider.js';
import type { Provider } from './provider.js';
import type { ProviderSettings } from './provider-settings.js';

/** Those that are configured, in the order of the file. */
export class Providers {
  readonly all: readonly Provider[];

  constructor(settings: readonly ProviderSettings[]) {
    this.all = settings.map((one) =>
      one.issuer === undefined
        ? new GithubProvider({ ...one, url: one.url!, api_url: one.api_url! })
        : new OidcProvider({ ...one, issuer: one.issuer }),
    );
  }

  /** @throws ProblemError `provider_not_found`. */
  get(name: string): Provider {
    const found = this.all.find((one) => one.name === name);
    if (!found) throw problem('not_found', 'provider_not_found', 'there is no such provider to sign in with');
    return found;
  }
}
