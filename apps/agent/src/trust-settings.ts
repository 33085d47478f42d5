/** Settings by which an agent believes customers' keys and not the control plane. */
import { SIGNED, type Signed } from '@hybrid/trust';
import type { Setting } from './setting.js';
import { SettingsError } from './settings-error.js';
import { names, text } from './settings-values.js';

export const TRUST_SETTINGS = {
  trustKeys: {
    flag: 'trust-keys',
    takes: 'file',
    env: 'HYBRID_TRUST_KEYS',
    about: "JWKS of customers' keys: only jobs of pipelines that one of them signed are run",
    parse: text,
  },
  trustRequire: {
    flag: 'trust-require',
    takes: 'pipeline,…',
    env: 'HYBRID_TRUST_REQUIRE',
    about: `what must be signed, where there are keys: ${SIGNED.join(', ')}`,
    initial: () => [...SIGNED],
    list: true,
    parse: required,
  },
} satisfies Record<string, Setting>;

/** Approvals and rollbacks are of a pipeline: unsigned, it would say itself which there are. */
function required(texts: string[]): Signed[] {
  const wanted = names(texts) as Signed[];
  if (!wanted.includes('pipeline') || wanted.some((one) => !SIGNED.includes(one)))
    throw new SettingsError(
      `it must be pipeline, and beside it none or some of ${SIGNED.slice(1).join(', ')}`,
    );
  return wanted;
}
