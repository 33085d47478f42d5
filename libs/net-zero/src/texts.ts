/** Texts of actions: `{{metadata.branch}}` stands for a value of the delivery, and nothing else can stand there. */
import type { Delivery } from '@hybrid/contracts';
import { didYouMean } from '@hybrid/pipeline';
import type { RouteAction } from './net-zero.js';

/** Neither braces nor anything else that a name does not have. */
const REFERENCE = /\{\{([^{}]*)\}\}/g;
const ATTRIBUTE = /^metadata\.attributes\.[a-z][a-z0-9_]{0,49}$/;

/** What every delivery has. */
const ALWAYS = [
  'id',
  'relay_id',
  'source',
  'tool',
  'kind',
  'event',
  'received_at',
  'payload.bytes',
  'payload.keyed_sha256',
  'payload.key_id',
];
const SOMETIMES = [
  'action',
  'delivery',
  ...[
    'repository',
    'clone_url',
    'branch',
    'tag',
    'commit',
    'before',
    'deleted',
    'pull_request',
    'base_branch',
    'head_repository',
    'fork',
    'author',
  ].map((field) => `metadata.${field}`),
];

/** Of whichever action. */
export function textsOf(action: RouteAction): Record<string, string> {
  if (action.do === 'run') return action.inputs ?? {};
  return action.do === 'send' ? (action.message ?? {}) : {};
}

/** What is wrong with a text; null if nothing is. `mustHave`: only what every delivery has may stand in it. */
export function textFault(text: string, mustHave: boolean): string | null {
  for (const name of namesIn(text)) {
    if (ALWAYS.includes(name)) continue;
    const known = SOMETIMES.includes(name) || ATTRIBUTE.test(name);
    if (known && mustHave)
      return `not every event has ${name}: write a rule, which fits only where it is there`;
    if (!known) {
      const all = [...ALWAYS, ...SOMETIMES, 'metadata.attributes.<name>'];
      return `{{${name.slice(0, 60)}}} is not known${didYouMean(name, all) || `; there is ${all.join(', ')}`}`;
    }
  }
  if (text.replaceAll(REFERENCE, '').includes('{{')) return '`{{` is never closed';
  return null;
}

/** The first name in the action's texts that the delivery has no value for. */
export function missingIn(action: RouteAction, delivery: Delivery): string | undefined {
  return Object.values(textsOf(action))
    .flatMap(namesIn)
    .find((name) => valueOf(name, delivery) === undefined);
}

/** In one pass: a value is put in as it is and not looked at again. */
export function filledIn(texts: Record<string, string>, delivery: Delivery): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [
      key,
      text.replaceAll(REFERENCE, (_, name: string) => valueOf(name.trim(), delivery) ?? ''),
    ]),
  );
}

function namesIn(text: string): string[] {
  return [...text.matchAll(REFERENCE)].map(([, name]) => name!.trim());
}

function valueOf(name: string, delivery: Delivery): string | undefined {
  let value: unknown = delivery;
  for (const key of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? `${value}` : undefined;
}
