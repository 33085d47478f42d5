import { ROLES } from '@hybrid/contracts';
import { describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { ACCESS, type Access, type Resource } from './access-table.js';

const FILE = join(import.meta.dirname, '../../../../docs/access.md');
const REFRESH = 'WRITE_DOCS=1 npm run test:unit -- access-document';

const HEAD = `# Who may use which route

Deny by default: whom a row does not name is refused (403), and a route without a row keeps the gateway from starting. This page is printed from the table that the gateway goes by, [access-table.ts](../apps/gateway/src/identity/access-table.ts), and is also answered by \`GET /api/roles\`; after a change of the table: \`${REFRESH}\`.

- **Roles**: viewer reads; developer also runs pipelines and jobs; operator also tends agents, pools and jobs; admin also decides who may do what; auditor reads, and sees who may do what. Somebody may have several.
- **On one thing**: a role may be limited to one pool, pipeline or environment; it is then good for the routes whose column "on" says so, and for that thing only; and for those with "any of them", which are for everybody who is signed in or has a key.
- **Installation**: the administrator's token may do all that an admin may, in every organisation (header \`X-Organisation\`). Routes marked "installation" concern all organisations: they are for that token, and for admins of the organisation \`default\`.
- **Agents** sign their requests and speak for themselves only, with jobs that they hold. **Join tokens** register agents or relays, and nothing else. **Relays** speak for themselves only.
- Nobody gives a role to others, or to an API key, that they have not themselves. Everybody sees and revokes their own keys; admins all.
`;

describe('docs/access.md', () => {
  it('says what the table says', async () => {
    const wanted = await format(`${HEAD}\n${table()}`, { parser: 'markdown' });
    if (process.env['WRITE_DOCS']) writeFileSync(FILE, wanted);
    if (readFileSync(FILE, 'utf8') !== wanted) throw new Error(`docs/access.md is behind: ${REFRESH}`);
    for (const route of Object.keys(ACCESS)) expect(wanted).toContain(`\`${route}\``);
  });
});

function table(): string {
  const head = ['route', ...ROLES, 'on', 'agent', 'join token', 'relay'];
  const rows = Object.entries(ACCESS).map(([route, access]) => [`\`${route}\``, ...cells(access)]);
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function cells(access: Access): string[] {
  if (access === 'everybody') return [...ROLES.map(() => '✓'), 'no credential', '✓', '✓', '✓'];
  if (access === 'people') return [...ROLES.map(() => '✓'), 'any of them', '', '', ''];
  if (access === 'installation')
    return [...ROLES.map((role) => (role === 'admin' ? '✓' : '')), 'installation', '', '', ''];
  const { roles, machines, on } = access;
  const mark = (yes: boolean) => (yes ? '✓' : '');
  return [
    ...ROLES.map((role) => mark(roles.includes(role))),
    on ? onText(on) : '',
    mark(machines.includes('agent')),
    mark(machines.includes('joiner')),
    mark(machines.includes('relay')),
  ];
}

function onText(on: Resource): string {
  if ('param' in on) return on.kind;
  return 'agent' in on ? "the agent's pool" : "the run's pipeline";
}
