import { Injectable } from '@nestjs/common';
import type { Caller } from '../edge/caller.js';
import { InstallationKeys } from './installation-keys.js';
import { newSecretToken, type SecretToken, type TokenKind } from './secret-token.js';

/** Makes tokens for callers: for the same Idempotency-Key of the same caller the same one, though it is kept nowhere. */
@Injectable()
export class SecretTokens {
  constructor(private readonly keys: InstallationKeys) {}

  make(kind: TokenKind, caller: Pick<Caller, 'repeatable'>): SecretToken & { token: string } {
    const id = caller.repeatable(kind);
    const { keys } = this;
    return newSecretToken(kind, id === null ? undefined : keys.derive(keys.current, `token/${kind}/${id}`));
  }
}
