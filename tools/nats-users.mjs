// node tools/nats-users.mjs: writes infra/nats/users.conf from the table of permissions.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from './build.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
// Within the checkout, as the bundle loads packages from its node_modules.
const dir = await mkdtemp(join(root, 'node_modules/.cache/nats-users-'));
try {
  await bundle({ file: join(root, 'libs/messaging/src/users-file.ts') }, dir);
  await import('reflect-metadata');
  const { natsUsersFile } = await import(pathToFileURL(join(dir, 'file.js')).href);
  await writeFile(join(root, 'infra/nats/users.conf'), natsUsersFile());
} finally {
  await rm(dir, { recursive: true });
}
