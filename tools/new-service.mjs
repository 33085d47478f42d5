// npm run new:service -- <service> <noun>: writes apps/<service> with one noun, complete from decider to integration spec.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const template = join(root, 'tools/templates/service');
const NAME = /^[a-z][a-z0-9]*$/;

/** Answers the folder that was written. Throws where a name is wrong or taken. */
export async function newService(service, noun) {
  for (const name of [service, noun])
    if (!NAME.test(name ?? ''))
      throw new Error(
        `"${name ?? ''}" is no name for a service or noun: lower-case letters and digits, such as "releases" and "release"`,
      );
  const folder = join(root, 'apps', service);
  if (existsSync(folder)) throw new Error(`apps/${service} is there already: choose another name`);
  const capital = (name) => name[0].toUpperCase() + name.slice(1);
  const fill = (text) =>
    text
      .replaceAll('__Service__', capital(service))
      .replaceAll('__service__', service)
      .replaceAll('__Noun__', capital(noun))
      .replaceAll('__noun__', noun);
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((found) => found.isFile())) {
    const source = join(entry.parentPath, entry.name);
    const target = join(folder, fill(source.slice(template.length + 1)).replace(/\.tpl$/, ''));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, fill(await readFile(source, 'utf8')));
  }
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const [service, noun] = process.argv.slice(2);
    await newService(service, noun);
    console.log(
      `wrote apps/${service}. Next: npm install, add ${service[0].toUpperCase()}${service.slice(1)}Module to apps/standalone, '${service}' to SERVICES in libs/contracts/src/health.contract.ts and to the permissions in libs/messaging/src/permissions.ts (then node tools/nats-users.mjs), the service to docker-compose.yml, routes to apps/gateway.`,
    );
  } catch (error) {
    console.error(`new:service: ${error.message}`);
    process.exit(2);
  }
}
