/** Takes of a webhook what its tool's configuration names, and nothing else: an allow-list. */
import type { DeliveryMetadata } from '@hybrid/contracts';
import {
  MAX_PARTS,
  MAX_PATHS,
  metadataFieldFits,
  REQUIRED_METADATA,
  withPathsThatFit,
} from '@hybrid/delivery';
import { valuesAt, type Scope } from './pointer.js';
import type { Received, ReducedEvent, WebhookRequest } from './received.js';
import { holds, textsFrom, type Webhook } from './sources.js';
import { listed, type EventConfig, type MetadataConfig, type Tests, type ToolConfig } from './tool-config.js';

const TEXTS = [
  'repository',
  'clone_url',
  'branch',
  'tag',
  'commit',
  'before',
  'base_branch',
  'head_repository',
  'author',
] as const satisfies (keyof MetadataConfig)[];
const FLAGS = ['deleted', 'fork'] as const satisfies (keyof MetadataConfig)[];

const MAX_LABELS = 40;
const HOSTS_WORD = /^[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,99}$/;
const DELIVERY_ID = /^[A-Za-z0-9._:{}/+=-]{1,200}$/;
/** What hosts write for a commit that there is not: before the first, after the last. */
const NO_COMMIT = /^0+$/;

export function reduce(config: ToolConfig, headers: WebhookRequest['headers'], payload: unknown): Received {
  const webhook: Webhook = { headers, payload, item: payload };
  const event = textsFrom(webhook, config.event)[0];
  if (event === undefined || !HOSTS_WORD.test(event))
    return {
      refusal: {
        status: 400,
        code: 'bad_header',
        detail: `it does not say which event it is where ${config.tool}.yaml looks for it`,
      },
    };
  const leftOut = new Set<string>();
  if (config.ignore?.includes(event)) return passedOver(`${event}: nothing to pass on`);
  const taken = partsOf(config, event, webhook, leftOut);
  if (taken.length === 0) return passedOver(`${event}: ${config.tool}.yaml names no such event`);
  const delivery = textsFrom(webhook, config.delivery);
  const id = delivery.find((text) => DELIVERY_ID.test(text)) ?? null;
  if (id === null && delivery.length > 0) leftOut.add('delivery');
  const missed: string[] = [];
  const events = taken.flatMap(({ rule, part, item }): ReducedEvent[] => {
    const at: Webhook = { ...webhook, item };
    const metadata = metadataOf(at, rule.metadata ?? {}, leftOut);
    const missing = REQUIRED_METADATA[rule.kind].filter((field) => metadata[field] === undefined);
    if (missing.length > 0) {
      missed.push(...missing.map((field) => `metadata.${field}`));
      return [];
    }
    const action = textsFrom(at, rule.action);
    const fitting = action.find((text) => HOSTS_WORD.test(text)) ?? null;
    if (fitting === null && action.length > 0) leftOut.add('action');
    return [{ ...(part > 0 && { part }), kind: rule.kind, event, action: fitting, delivery: id, metadata }];
  });
  if (events.length === 0)
    return {
      refusal: {
        status: 422,
        code: 'no_delivery',
        detail: `${event}: ${[...new Set(missed)].join(', ')}: missing, or not what it may be`,
      },
    };
  missed.forEach((field) => leftOut.add(field));
  return { events, leftOut: [...leftOut].sort(), ignored: null };
}

function passedOver(ignored: string): Received {
  return { events: [], leftOut: [], ignored };
}

interface Part {
  rule: EventConfig;
  part: number;
  item: unknown;
}

/** Every event in the webhook with the first rule that fits it. */
function partsOf({ events }: ToolConfig, event: string, webhook: Webhook, leftOut: Set<string>): Part[] {
  const parts = new Map<number, Part>();
  for (const rule of Object.values(events)) {
    if (!listed(rule.event).some((name) => name === event || name === '*')) continue;
    const items = rule.each === undefined ? [webhook.payload] : itemsAt(webhook, rule.each);
    if (items.length > MAX_PARTS) leftOut.add('parts');
    for (const [part, item] of items.slice(0, MAX_PARTS).entries()) {
      if (!parts.has(part) && holds({ ...webhook, item }, rule.when ?? []))
        parts.set(part, { rule, part, item });
    }
  }
  return [...parts.values()].sort((a, b) => a.part - b.part);
}

function itemsAt(scope: Scope, pointer: string): unknown[] {
  const [list] = valuesAt(scope, pointer);
  return Array.isArray(list) ? (list as unknown[]) : [];
}

function metadataOf(webhook: Webhook, config: MetadataConfig, leftOut: Set<string>): DeliveryMetadata {
  const metadata: DeliveryMetadata = {};
  for (const field of TEXTS) {
    const found = textsFrom(webhook, config[field]).filter((text) => !isNoCommit(field, text));
    const fitting = found.find((text) => metadataFieldFits(field, text));
    if (fitting !== undefined) metadata[field] = fitting;
    else if (found.length > 0) leftOut.add(`metadata.${field}`);
  }
  for (const field of FLAGS) {
    const tests: Tests | undefined = config[field];
    if (tests !== undefined) metadata[field] = holds(webhook, tests);
  }
  takeNumber(webhook, config, metadata, leftOut);
  takeLabels(webhook, config, metadata, leftOut);
  takePaths(webhook, config, metadata, leftOut);
  takeAttributes(webhook, config, metadata, leftOut);
  return withPathsThatFit(metadata);
}

function isNoCommit(field: string, text: string): boolean {
  return (field === 'commit' || field === 'before') && NO_COMMIT.test(text);
}

type Take = (
  webhook: Webhook,
  config: MetadataConfig,
  metadata: DeliveryMetadata,
  leftOut: Set<string>,
) => void;

const takeNumber: Take = (webhook, { pull_request }, metadata, leftOut) => {
  const places = listed(pull_request).map((pointer) => valuesAt(webhook, pointer));
  const found = places.find((place) => place.length > 0) ?? [];
  const fitting = found.find((value) => metadataFieldFits('pull_request', value));
  if (fitting !== undefined) metadata.pull_request = fitting as number;
  else if (found.length > 0) leftOut.add('metadata.pull_request');
};

const takeLabels: Take = (webhook, { labels }, metadata, leftOut) => {
  if (labels === undefined) return;
  const found = distinctAt(webhook, labels);
  const fitting = found
    .filter((label) => metadataFieldFits('labels', [label]))
    .slice(0, MAX_LABELS) as string[];
  metadata.labels = fitting;
  if (fitting.length < found.length) leftOut.add('metadata.labels');
};

/** A path that is left out may be the one that a rule looks for, so the list is then said not to be complete. */
const takePaths: Take = (webhook, { paths, paths_complete = false }, metadata, leftOut) => {
  if (paths === undefined) return;
  const found = distinctAt(webhook, paths);
  const fitting = found.filter((path) => metadataFieldFits('paths', [path])) as string[];
  if (fitting.length < found.length) leftOut.add('metadata.paths');
  metadata.paths = fitting.slice(0, MAX_PATHS);
  metadata.paths_complete = metadata.paths.length === found.length && holds(webhook, paths_complete);
};

const takeAttributes: Take = (webhook, { attributes }, metadata, leftOut) => {
  for (const [name, { pattern, max, ...source }] of Object.entries(attributes ?? {})) {
    const whole = new RegExp(`^(?:${pattern})$`, 'u');
    const found = textsFrom(webhook, source);
    const fitting = found.find(
      (text) => text.length <= max && metadataFieldFits('attributes', { [name]: text }) && whole.test(text),
    );
    if (fitting !== undefined) metadata.attributes = { ...metadata.attributes, [name]: fitting };
    else if (found.length > 0) leftOut.add(`metadata.attributes.${name}`);
  }
};

function distinctAt(scope: Scope, pointers: string | string[]): unknown[] {
  return [...new Set(listed(pointers).flatMap((pointer) => valuesAt(scope, pointer)))];
}
