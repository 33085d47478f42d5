/** What the schema of a tool's configuration cannot say. */
import { REQUIRED_METADATA } from '@hybrid/delivery';
import { child } from '@hybrid/pipeline';
import type { EventConfig, Test, ToolConfig } from './tool-config.js';

type Report = (pointer: string, message: string) => void;

const LOOKS = ['at', 'count'] as const satisfies (keyof Test)[];
const CONDITIONS = ['is', 'begins', 'same', 'below', 'there'] as const satisfies (keyof Test)[];
/** What may come out of a webhook is matched with it: more of these could take very long. */
const MAX_QUANTIFIERS = 3;

export function checkTool(tool: ToolConfig, report: Report): void {
  if ((tool.tool === 'hmac') !== (tool.signature !== undefined))
    report(
      tool.signature ? '/signature' : '/tool',
      tool.signature
        ? `\`signature\` is for the tool hmac; ${tool.tool} has its own way of signing`
        : 'webhooks of the tool hmac need `signature`: which header, algorithm and encoding',
    );
  for (const [name, event] of Object.entries(tool.events)) checkEvent(event, child('/events', name), report);
}

function checkEvent(event: EventConfig, at: string, report: Report): void {
  // What an environment adds to no event of the file is not complete by its shape.
  if (event.event === undefined || event.kind === undefined) {
    report(at, 'there is no such event above, so `event` and `kind` must stand here');
    return;
  }
  const { metadata = {} } = event;
  for (const field of REQUIRED_METADATA[event.kind])
    if (metadata[field] === undefined)
      report(at, `\`metadata.${field}\` is missing: kind ${event.kind} needs it`);
  for (const [place, test] of testsOf(event)) checkTest(test, `${at}${place}`, report);
  for (const [name, { pattern, ...source }] of Object.entries(metadata.attributes ?? {})) {
    const here = `${child(`${at}/metadata/attributes`, name)}`;
    const fault = patternFault(pattern);
    if (fault) report(`${here}/pattern`, fault);
    if (source.from === undefined && source.header === undefined)
      report(here, 'say where it stands: `from` or `header`');
  }
  if (event.each === undefined) checkNoItems(event, at, report);
}

function testsOf({ when, metadata = {} }: EventConfig): [string, Test][] {
  const { deleted, fork, paths_complete } = metadata;
  return Object.entries({
    when,
    'metadata/deleted': deleted,
    'metadata/fork': fork,
    'metadata/paths_complete': paths_complete,
  }).flatMap(([place, tests]): [string, Test][] =>
    tests === undefined || typeof tests === 'boolean'
      ? []
      : Array.isArray(tests)
        ? tests.map((test, index) => [`/${place}/${index}`, test])
        : [[`/${place}`, tests]],
  );
}

function checkTest(test: Test, at: string, report: Report): void {
  if (LOOKS.filter((key) => test[key] !== undefined).length !== 1)
    report(at, 'one of `at` and `count` is wanted: what is looked at');
  if (CONDITIONS.filter((key) => test[key] !== undefined).length !== 1)
    report(at, `one of ${CONDITIONS.join(', ')} is wanted: what must be true of it`);
}

function patternFault(pattern: string): string | null {
  try {
    new RegExp(`^(?:${pattern})$`, 'u');
  } catch {
    return 'it is no regular expression';
  }
  const plain = pattern.replaceAll(/\\./gu, 'x').replaceAll(/\[[^\]]*\]/gu, 'x');
  if (/[()]/.test(plain)) return 'groups are not possible here: they make it slow on some texts';
  if ((plain.match(/[*+?{]/g) ?? []).length > MAX_QUANTIFIERS)
    return `at most ${MAX_QUANTIFIERS} of * + ? {} are possible here: more make it slow on some texts`;
  return null;
}

function checkNoItems(event: EventConfig, at: string, report: Report): void {
  const { when, action, metadata } = event;
  if (JSON.stringify({ when, action, metadata }).includes('"./'))
    report(at, 'a pointer with a leading dot begins at an item of `each`, which is missing');
}
