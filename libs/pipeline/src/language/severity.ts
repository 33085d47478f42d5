import { SEVERITIES, type Severity } from '@hybrid/contracts';

type Threshold = Severity | 'none';

/** Words of scanners (SARIF's levels, npm's, OWASP's) for our severities. */
const WORDS: Record<string, Threshold> = {
  ...Object.fromEntries([...SEVERITIES, 'none' as const].map((severity) => [severity, severity])),
  error: 'high',
  warning: 'medium',
  moderate: 'medium',
  note: 'low',
  minor: 'low',
  major: 'high',
  blocker: 'critical',
  negligible: 'info',
  unknown: 'info',
};

/** As they may be written: `high`, `HIGH`, `error`. */
export const SEVERITY_WORDS = Object.keys(WORDS).flatMap((word) => [word, word.toUpperCase()]);

export function severityOf(word: string): Threshold | undefined {
  const lower = word.toLowerCase();
  return Object.hasOwn(WORDS, lower) ? WORDS[lower] : undefined;
}
