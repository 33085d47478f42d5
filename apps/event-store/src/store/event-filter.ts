/** Which events of $all a reader wants: by stream name or event type, by prefixes or by a regular expression. */
import type { RecordedEvent } from './event-record.js';

export interface FilterExpression {
  on: 'stream' | 'type';
  /** Empty: no regular expression; then the prefixes count. */
  regex: string;
  prefixes: readonly string[];
}

export type EventFilter = (event: Pick<RecordedEvent, 'stream' | 'type'>) => boolean;

/** The regular expression of a filter cannot be used; the message says why. */
export class BadFilterError extends Error {
  override readonly name = 'BadFilterError';
}

/** Compiles a filter; an expression with neither regex nor prefixes lets everything through. Throws BadFilterError. */
export function compileFilter({ on, regex, prefixes }: FilterExpression): EventFilter {
  if (regex) {
    const pattern = compileRegex(regex);
    return (event) => pattern.test(event[on]);
  }
  if (prefixes.length === 0) return () => true;
  return (event) => prefixes.some((prefix) => event[on].startsWith(prefix));
}

function compileRegex(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (cause) {
    throw new BadFilterError(
      `The filter's regular expression ${JSON.stringify(source)} is not valid in JavaScript's syntax: ${String(cause)}`,
      { cause },
    );
  }
}
