/**
 * How much work one event may be to the rules, in steps of patterns: a character at one place of a pattern. A service that
 * all organisations share takes them, some ten or twenty million in a second.
 */
import { mostSteps, type Work } from '@hybrid/pipeline';
import type { RouteCondition, RouteRule } from './net-zero.js';

/** Of all patterns of a configuration together, for one event at its longest; of its paths, for the longest of them. */
export const MAX_STEPS = 4_000_000;

/** For the paths of one event. What is not looked at within these may fit, as where the host does not name all paths. */
export const MAX_PATH_STEPS = 4_000_000;

/** Of one event, for all rules together. */
export interface Budget {
  /** Enough for every configuration that was checked. */
  texts: Work;
  paths: Work;
}

export function budget(): Budget {
  return { texts: { left: MAX_STEPS }, paths: { left: MAX_PATH_STEPS } };
}

type Patterns = Exclude<keyof RouteCondition, 'fork' | 'if'>;

/** Of texts in a delivery: characters together, and how many they are. */
export const AT_MOST: Record<Patterns, { characters: number; texts?: number }> = {
  source: { characters: 100 },
  tool: { characters: 9 },
  kind: { characters: 12 },
  event: { characters: 100 },
  action: { characters: 100 },
  repository: { characters: 300 },
  branch: { characters: 250 },
  tag: { characters: 250 },
  base_branch: { characters: 250 },
  author: { characters: 100 },
  labels: { characters: 4_000, texts: 40 },
  paths: { characters: 500 },
};

/** The first rule with which the rules take more than MAX_STEPS, and what does so there; null: they do not. */
export function tooMuchWork(rules: RouteRule[]): { rule: number; condition: Patterns } | null {
  let steps = 0;
  for (const [rule, { when }] of rules.entries())
    for (const condition of Object.keys(AT_MOST) as Patterns[])
      for (const pattern of when[condition] ?? []) {
        const { characters, texts } = AT_MOST[condition];
        steps += mostSteps([pattern], characters, texts);
        if (steps > MAX_STEPS) return { rule, condition };
      }
  return null;
}
