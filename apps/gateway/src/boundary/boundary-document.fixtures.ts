/** docs/boundary.md, printed from the decorators of the contracts, the schema of deliveries and the tables beside this. */
import { FIELD_CLASSES, type FieldClass } from '@hybrid/contracts';
import { deliverySchema } from '@hybrid/delivery';
import { KNOWN_HEADERS } from '../edge/known-headers.js';
import { ACCESS } from '../identity/access-table.js';
import { FETCHED, READ_BY_HAND, PATH_PARAMETERS, type Row } from './boundary.fixtures.js';
import { schemaRows } from './delivery-fields.fixtures.js';
import { flatFields, routesOfGateway, type Route } from './ways-in.fixtures.js';

type Sender = 'agents and relays' | 'people and their programs' | 'anybody';

export interface Message {
  name: string;
  sender: Sender;
  rows: Row[];
  routes: string[];
}

export function messages(routes: Route[]): Message[] {
  const types = new Set(routes.flatMap(({ takes }) => takes.flatMap(({ type }) => type ?? [])));
  const found = new Map<string, Message>();
  for (const { name: route, takes } of routes)
    for (const { from, type } of takes) {
      if (!type) continue;
      const sender = senderOf(route);
      const known = found.get(type.name) ?? {
        name: type.name,
        rows: rowsOf(type, types),
        routes: [],
        sender,
      };
      known.routes.push(`${from} of \`${route}\``);
      known.sender = first(known.sender, sender);
      found.set(type.name, known);
    }
  for (const [route, { name, from, rows, note }] of Object.entries(READ_BY_HAND))
    found.set(name, { name, rows, routes: [`${from} of \`${route}\`; ${note}`], sender: senderOf(route) });
  return [...found.values()];
}

/** What is a message of its own as well is told there. */
function rowsOf(type: new () => object, messages: ReadonlySet<new () => object>): Row[] {
  return flatFields(type, '', messages).map(({ path, note }) => {
    if (note?.of) return { field: path, class: '', bounds: note.bounds, what: `each as ${note.of().name}` };
    if (!note?.class)
      throw new Error(`${type.name}.${path} has no class: use a decorator of contracts/src/fields.ts`);
    const { bounds, optional, description = '' } = note;
    const what = [optional ? 'optional' : '', description].filter(Boolean).join('; ');
    return { field: path, class: note.class, bounds, what };
  });
}

const SENDERS: readonly Sender[] = ['agents and relays', 'people and their programs', 'anybody'];

function first(a: Sender, b: Sender): Sender {
  return SENDERS.indexOf(a) < SENDERS.indexOf(b) ? a : b;
}

function senderOf(route: string): Sender {
  const access = ACCESS[route];
  if (access === 'everybody') return 'anybody';
  return typeof access === 'object' && access.machines.length > 0
    ? 'agents and relays'
    : 'people and their programs';
}

export function boundaryDocument(refresh: string): string {
  const all = messages(routesOfGateway());
  const delivery = schemaRows(deliverySchema);
  return [
    head(refresh),
    answers(all, delivery),
    '## Classes\n',
    table(
      ['class', 'what it is'],
      Object.entries(FIELD_CLASSES).map(([name, what]) => [name, what]),
    ),
    '## What comes of a webhook\n',
    'A webhook goes to the relay, on your side. What the relay puts on your queue, signed, and the control plane reads from there, is this; an event with any other field is refused.\n',
    fieldTable(delivery),
    ...SENDERS.flatMap((sender) => [
      `## What ${sender} send\n`,
      ...all.filter((one) => one.sender === sender).flatMap(messageText),
    ]),
    '## Names in paths\n',
    `What stands in \`{…}\` of a route: 1 to 200 characters, none of them a control character. All are metadata.\n`,
    table(
      ['name', 'of'],
      Object.entries(PATH_PARAMETERS).map(([name, what]) => [`\`${name}\``, what]),
    ),
    '## Headers\n',
    'All others are taken away before anything reads the request ([known-headers.ts](../apps/gateway/src/edge/known-headers.ts)). Together they have at most 16 KiB.\n',
    table(
      ['header', 'class', 'what it is for'],
      Object.entries(KNOWN_HEADERS).map(([name, { class: of, what }]) => [`\`${name}\``, of, what]),
    ),
    '## What the gateway asks for\n',
    'Answers to questions of its own; nobody can send them unasked.\n',
    ...Object.values(FETCHED).flatMap(({ of, rows }) => [`From ${of}.\n`, fieldTable(rows)]),
  ].join('\n');
}

function head(refresh: string): string {
  return `# All that can reach the control plane

For whoever has to say what leaves the company. Every field of every message that enters the control plane is on this page, with what it may hold and how much of it; what is not on it is refused. The page is printed from what the gateway checks requests with; a field without a class or without bounds fails a test. After a change: \`${refresh}\`.

All is text in JSON of at most 2 MiB a request (16 MiB for a batch of jobs), nested at most 50 levels deep. A character is up to 4 bytes.
`;
}

/** By field, as whoever asks wants to know. */
function answers(all: Message[], delivery: Row[]): string {
  const fields = (of: FieldClass, sender?: Sender) =>
    all
      .filter((one) => !sender || one.sender === sender)
      .flatMap(({ name, rows }) => {
        const mine = rows.filter((row) => row.class === of).map(({ field }) => `\`${field}\``);
        return mine.length > 0 ? [`  - ${name}: ${mine.join(', ')}`] : [];
      })
      .join('\n');
  const paths = delivery.filter(({ field }) => /path|label|attributes|author/.test(field));
  return `## Can it get there, and by which field?

- **Source code**: no message is made for it. Agents clone, with your credentials; the control plane opens no repository, and a webhook's payload stays with the relay. What a build *prints* can hold lines of your code, as a failed test's message does: these fields carry what builds print, masked and cut on the agent. \`--logs customer\` keeps the lines of logs with you.
${fields('masked', 'agents and relays')}
- **Secrets**: no message is made for a value. References are resolved on the agent; what it knows as a secret is masked in the fields above, also in base64, hex, percent-encoded and in JSON. It does not know what a build makes up or reads by itself, unless the build says \`::add-mask::\`. Where somebody writes a secret into a definition instead of a reference, it is in a field that people fill:
${fields('configuration', 'people and their programs')}
- **Credentials for the control plane** prove who calls. They are compared and forgotten; of our own ones a SHA-256 is kept, but for lease tokens, which stand in events:
${fields('credential')}
- **Logs**: by \`text\` of \`POST /api/queue/jobs/{job_id}/logs\`, not at all with \`--logs customer\`: then only where they lie, how large they are, and their SHA-256.
- **Artifacts**: by the body of \`PUT /api/artifacts/{execution_id}/{key}\`, not at all with \`--artifact-store\`, which keeps them with you: then as for logs.
- **Names of files, people and branches**: yes. Of a webhook: ${paths.map(({ field }) => `\`${field}\``).join(', ')} and the names of repository and branches, as far as your relay's configuration lets them pass; of a build: \`file\` and \`location\` of tests, annotations and findings.
`;
}

function messageText({ name, routes, rows }: Message): string[] {
  return [`### ${name}\n`, `${sentence(routes.join(', '))}\n`, fieldTable(rows)];
}

function fieldTable(rows: Row[]): string {
  return table(
    ['field', 'class', 'bounds', 'what it is for'],
    rows.map((row) => [`\`${row.field}\``, row.class, row.bounds, row.what]),
  );
}

function table(heads: string[], rows: string[][]): string {
  const lines = [heads, heads.map(() => '---'), ...rows.map((row) => row.map(escaped))];
  return `${lines.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

/** Markdown has no meaning in a table's cells but for code. */
function escaped(cell: string): string {
  const parts = cell.replaceAll('|', '\\|').split('`');
  return parts.map((part, index) => (index % 2 ? part : part.replaceAll(/[*_<>]/g, '\\$&'))).join('`');
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
