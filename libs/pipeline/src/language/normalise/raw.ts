/** Reads values whose shape may be wrong: what does not fit is left out, as its error has been reported. */
import { child, type SourceDocument } from '../document.js';
import { durationSeconds } from '../duration.js';

export type RawMap = Record<string, unknown>;

export function mapOf(value: unknown): RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RawMap) : {};
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** One text, or a list of them. */
export function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return listOf(value).filter((item) => typeof item === 'string');
}

/** A list is run as it is, a text by the shell. */
export function commandOf(value: unknown): string[] | undefined {
  if (typeof value === 'string') return ['sh', '-c', value];
  return Array.isArray(value) ? textsOf(value) : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** One number, or a list of them. */
export function numbersOf(value: unknown): number[] | undefined {
  if (typeof value === 'number') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'number') : undefined;
}

export function flagOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

export function secondsOf(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? durationSeconds(value) : undefined;
}

/** Scalars as they were written, so that `3.10` doesn't become 3.1. Other values are left out. */
export function scalarsOf(document: SourceDocument, value: unknown, pointer: string): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [key, scalar] of Object.entries(mapOf(value))) {
    const text = scalarText(document, scalar, child(pointer, key));
    if (text !== undefined) texts[key] = text;
  }
  return texts;
}

export function scalarText(document: SourceDocument, scalar: unknown, pointer: string): string | undefined {
  if (typeof scalar === 'string') return scalar;
  if (typeof scalar === 'number' || typeof scalar === 'boolean')
    return document.textOf(pointer) ?? String(scalar);
  return undefined;
}

/** Without the keys that have no value: an optional key is there or not. */
export function present<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
