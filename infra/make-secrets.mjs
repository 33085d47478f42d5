// Makes the passwords and tokens that docker-compose.yml asks for, once: node infra/make-secrets.mjs [folder].
// What is there already stays; delete the file to begin anew (and the volumes, which keep their passwords).
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, 'secrets'));
const file = join(folder, 'compose.env');
const names = new Set(
  Array.from(
    readFileSync(join(here, '../docker-compose.yml'), 'utf8').matchAll(/\$\{(\w+):\?|environment: (\w+)$/gm),
    (match) => match[1] ?? match[2],
  ),
);

mkdirSync(folder, { recursive: true, mode: 0o700 });
const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
// A letter first: NATS reads 12e5… in its configuration as a number. Hex: nothing to escape in a URL.
const added = [...names]
  .filter((name) => !new RegExp(`^${name}=`, 'm').test(text))
  .map((name) => `${name}=${name === 'HYBRID_KEYS' ? keys() : `h${randomBytes(24).toString('hex')}`}\n`);
if (added.length > 0) writeFileSync(file, text + added.join(''), { mode: 0o600 });
console.log(`${file}: ${added.length} made, ${names.size - added.length} kept`);

/** As the gateway's installation-keys.ts reads them. */
function keys() {
  return `k1:${randomBytes(32).toString('base64url')}`;
}
