import { problem, type KeyView } from '@hybrid/contracts';
import type { KeyState } from './key.decider.js';

/** @throws ProblemError `key_not_found`. */
export function keyView({ key, revoked_at }: KeyState, usedAt: Date | null): KeyView {
  if (!key) throw problem('not_found', 'key_not_found', 'there is no such API key');
  const { key_id, name, roles, created_by, at, expires_at } = key;
  return {
    key_id,
    name,
    roles,
    created_by,
    created_at: at,
    expires_at,
    last_used_at: usedAt?.toISOString() ?? null,
    revoked_at,
  };
}
