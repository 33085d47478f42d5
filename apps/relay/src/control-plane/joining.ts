/** What a relay shows to be registered: a join token, or an access token by OAuth2 client credentials (RFC 6749, 4.4). */
import type { RelayConfig } from '@hybrid/net-zero';
import type { ReadSecret } from '../secrets.js';
import { SettingsError } from '../settings-error.js';
import { ControlPlaneRefusal, post } from './control-plane-client.js';

type ControlPlane = NonNullable<RelayConfig['control_plane']>;
type OAuth2 = NonNullable<ControlPlane['oauth2']>;

/** Had anew for each registration: tokens end, and join tokens are replaced. Throws SettingsError where none can be had. */
export async function joiningToken(
  controlPlane: ControlPlane,
  secret: ReadSecret,
  signal: AbortSignal,
): Promise<string> {
  const own = await joiningSecret(controlPlane, secret, signal);
  return controlPlane.oauth2 ? accessToken(controlPlane.oauth2, own, signal) : own;
}

/** The relay's own part: a join token, or the client's secret. Throws SettingsError. */
export async function joiningSecret(
  { join_token, oauth2 }: ControlPlane,
  secret: ReadSecret,
  signal: AbortSignal,
): Promise<string> {
  if (oauth2) return secret('relay.control_plane.oauth2.client_secret', oauth2.client_secret, signal);
  if (join_token) return secret('relay.control_plane.join_token', join_token, signal);
  throw new SettingsError(
    'relay.control_plane: this relay is not registered and has nothing to register with: give join_token or oauth2',
  );
}

async function accessToken(oauth2: OAuth2, client_secret: string, signal: AbortSignal): Promise<string> {
  const { token_url: url, client_id, scope, audience } = oauth2;
  const form = {
    grant_type: 'client_credentials',
    ...(scope && { scope }),
    ...(audience && { audience }),
  };
  const ask = (
    body: Record<string, string>,
    headers: Record<string, string>,
  ): Promise<{ access_token?: unknown }> =>
    post({
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(body).toString(),
      signal,
    });
  const answer = await ask(form, { authorization: basic(client_id, client_secret) }).catch(
    (error: unknown) => {
      // Every server must take the header, but some are set up to take the client's secret in the body only.
      if (error instanceof ControlPlaneRefusal && error.code === 'invalid_client')
        return ask({ ...form, client_id, client_secret }, {});
      throw error;
    },
  );
  if (typeof answer.access_token === 'string') return answer.access_token;
  throw new ControlPlaneRefusal(
    200,
    'no_access_token',
    `${new URL(url).host} answers without an access_token`,
  );
}

/** Both parts are form-encoded first (RFC 6749, 2.3.1). */
function basic(id: string, secret: string): string {
  const encode = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1);
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`;
}
