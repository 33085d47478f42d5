/** Settings by which logs and artifacts leave the agent encrypted for its customer alone. */
import { recipients, sealables } from './sealing.js';
import type { Setting } from './setting.js';
import { text } from './settings-values.js';

export const SEALING_SETTINGS = {
  sealFor: {
    flag: 'seal-for',
    takes: 'age1…',
    env: 'HYBRID_SEAL_FOR',
    about: 'encrypt logs and artifacts for this key of `hybrid seal-key create`; may be repeated',
    initial: () => [],
    list: true,
    parse: recipients,
  },
  seal: {
    flag: 'seal',
    takes: 'what,…',
    env: 'HYBRID_SEAL',
    about: 'what is encrypted: logs, artifacts; both unless told',
    list: true,
    parse: sealables,
  },
  unsealKeyFile: {
    flag: 'unseal-key-file',
    takes: 'file',
    env: 'HYBRID_UNSEAL_KEY_FILE',
    about: 'key that opens encrypted artifacts which steps fetch',
    parse: text,
  },
} satisfies Record<string, Setting>;
