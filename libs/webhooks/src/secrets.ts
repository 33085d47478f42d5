/** Whether a secret can be one, said when a relay starts rather than at the first webhook. */
import type { Tool } from '@hybrid/contracts';
import { isStandardSecret, standardSecretFault } from './standard-signature.js';

const MIN_CHARACTERS = 16;

/** What is wrong with it, never its value; null if nothing is. */
export function secretFault(tool: Tool, secret: string): string | null {
  if (tool === 'standard' || (tool === 'gitlab' && isStandardSecret(secret)))
    return standardSecretFault(secret);
  if (secret !== secret.trim()) return 'a secret begins or ends with a space or a line end: take that away';
  return secret.length < MIN_CHARACTERS
    ? `a secret of fewer than ${MIN_CHARACTERS} characters can be found by trial: make one with openssl rand -hex 32`
    : null;
}
