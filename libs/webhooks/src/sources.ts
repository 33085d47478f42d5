/** Takes values out of a webhook, as the configuration says. */
import type { WebhookRequest } from './received.js';
import { valuesAt, type Scope } from './pointer.js';
import { listed, type Scalar, type Test, type Tests, type TextSource } from './tool-config.js';

export interface Webhook extends Scope {
  headers: WebhookRequest['headers'];
}

/**
 * What stands at the first place that holds anything, whether it fits or not: another place is not asked because this one
 * holds what must not pass. Several texts where the place is every item of a list.
 */
export function textsFrom(webhook: Webhook, source: TextSource | undefined): string[] {
  if (source === undefined) return [];
  if (typeof source === 'string' || Array.isArray(source)) return textsFrom(webhook, { from: source });
  const { from, header, join, strip = '', lower, otherwise } = source;
  const places = [
    ...listed(from).map((pointer) => textsAt(webhook, pointer)),
    ...listed(header).map((name) => headerText(webhook.headers[name])),
    ...(join ? [joined(webhook, join)] : []),
  ];
  const texts = places
    .map((place) => place.filter((text) => text.startsWith(strip)))
    .find((place) => place.length > 0)
    ?.map((text) => text.slice(strip.length))
    .map((text) => (lower ? text.toLowerCase() : text));
  return texts ?? listed(otherwise);
}

function textsAt(webhook: Webhook, pointer: string): string[] {
  return valuesAt(webhook, pointer).flatMap((value) => asText(value));
}

/** Ids are numbers in some hosts and texts in others. */
function asText(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  return typeof value === 'number' ? [String(value)] : [];
}

function headerText(value: string | string[] | undefined): string[] {
  return typeof value === 'string' && value !== '' ? [value] : [];
}

/** Nothing unless all of them are there. */
function joined(webhook: Webhook, pointers: string[]): string[] {
  const parts = pointers.map((pointer) => textsAt(webhook, pointer)[0]);
  return parts.every((part) => part !== undefined) ? [parts.join('/')] : [];
}

/** Whether all of them hold. */
export function holds(webhook: Webhook, tests: Tests): boolean {
  if (typeof tests === 'boolean') return tests;
  return listed(tests).every((test) => isTrue(webhook, test) !== (test.not ?? false));
}

function isTrue(webhook: Webhook, { at, count, is, begins, same, below, there }: Test): boolean {
  const value = count === undefined ? first(webhook, at) : countAt(webhook, count);
  if (there !== undefined) return (value !== undefined) === there;
  if (value === undefined) return false;
  if (is !== undefined) return listed(is).includes(value as Scalar);
  if (begins !== undefined) return typeof value === 'string' && value.startsWith(begins);
  if (below !== undefined) return typeof value === 'number' && value < below;
  return same !== undefined && isScalar(value) && value === first(webhook, same);
}

function first(webhook: Webhook, pointers: string | string[] | undefined): unknown {
  return listed(pointers).flatMap((pointer) => valuesAt(webhook, pointer))[0];
}

function countAt(webhook: Webhook, pointer: string): number | undefined {
  const value = first(webhook, pointer);
  return Array.isArray(value) ? value.length : undefined;
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
