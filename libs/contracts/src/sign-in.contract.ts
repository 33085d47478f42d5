/** What people and their programs send to sign in: paths and fields of HTTP, which the gateway answers by itself. */
import { Nested, OneOf, Text } from './fields.js';
import { ORGANISATION_NAME } from './identity.contract.js';

export class SignInQuery {
  @Text('metadata', {
    optional: true,
    min: 0,
    max: 2_000,
    description: 'a path of this gateway to go to afterwards',
  })
  return_to?: string;

  @Text('metadata', {
    optional: true,
    pattern: ORGANISATION_NAME,
    description: 'of several; the last used one unless told',
  })
  organisation?: string;
}

export class LoginQuery extends SignInQuery {
  @Text('metadata', {
    optional: true,
    pattern: /^accept$/,
    description: 'join by the invitation that was opened before',
  })
  invitation?: string;
}

export class OpenInvitation {
  @Text('credential', { max: 100, description: 'what follows # in the link' })
  token!: string;
}

export class OAuthTokens {
  @Text('credential', {
    optional: true,
    max: 20_000,
    description: 'of OpenID Connect: what proves who it is',
  })
  id_token?: string;

  @Text('credential', {
    optional: true,
    max: 20_000,
    description: 'of GitHub: it is asked whose, and for whom made',
  })
  access_token?: string;
}

/** What the client believes: compared with what is proved, and worth nothing by itself. */
export class UserInfo {
  @Text('metadata', { optional: true, max: 255 })
  sub?: string;

  @Text('metadata', { optional: true, max: 300 })
  email?: string;

  @Text('metadata', { optional: true, max: 300 })
  name?: string;
}

export class StartSession {
  @Text('metadata', { max: 255, description: "the person's id at the provider: `sub`; GitHub's numeric id" })
  user_id!: string;

  @Text('metadata', { max: 40 })
  provider!: string;

  @Nested(() => OAuthTokens)
  oauth_tokens!: OAuthTokens;

  @Nested(() => UserInfo, { optional: true })
  user_info?: UserInfo;
}

export class ValidateSession {
  @Text('credential', { max: 200 })
  session_id!: string;
}

export class LogoutQuery {
  @Text('credential', {
    optional: true,
    max: 200,
    description: "the session's secret; that of Authorization, or of the cookie, unless told",
  })
  session_id?: string;
}

export class PollDevice {
  @Text('credential', { max: 200 })
  device_code!: string;
}

export class DeviceQuery {
  @Text('credential', { optional: true, min: 0, max: 40 })
  user_code?: string;
}

export class AnswerDevice {
  @Text('credential', { max: 40 })
  user_code!: string;

  @OneOf(['approve', 'deny'])
  answer!: 'approve' | 'deny';
}
