/** Whether a rule fits a delivery, condition by condition, each with its reason. */
import type { Delivery } from '@hybrid/contracts';
import { ConditionError, matches } from '@hybrid/pipeline';
import { conditionHolds } from './delivery-condition.js';
import type { RouteCondition, RouteRule } from './net-zero.js';
import { missingIn } from './texts.js';

export interface Checked {
  /** `branch`, `if`. */
  condition: string;
  fits: boolean;
  /** `branch main fits "release/*, main"` */
  why: string;
}

export interface CheckedRule {
  rule: string;
  fits: boolean;
  /** Of all conditions, in the order of the file. */
  conditions: Checked[];
}

type Test = (delivery: Delivery, wanted: never) => Omit<Checked, 'condition'>;

const TESTS: Record<keyof RouteCondition, Test> = {
  source: ({ source }, wanted: string[]) => one('source', source, wanted),
  tool: ({ tool }, wanted: string[]) => one('tool', tool, wanted),
  kind: ({ kind }, wanted: string[]) => one('kind', kind, wanted),
  event: ({ event }, wanted: string[]) => one('event', event, wanted),
  action: ({ action }, wanted: string[]) => one('action', action, wanted),
  repository: ({ metadata }, wanted: string[]) => one('repository', metadata.repository, wanted),
  branch: ({ metadata }, wanted: string[]) => one('branch', metadata.branch, wanted),
  tag: ({ metadata }, wanted: string[]) => one('tag', metadata.tag, wanted),
  base_branch: ({ metadata }, wanted: string[]) => one('base_branch', metadata.base_branch, wanted),
  author: ({ metadata }, wanted: string[]) => one('author', metadata.author, wanted),
  labels: ({ metadata }, wanted: string[]) => some('label', metadata.labels, wanted),
  paths: ({ kind, metadata }, wanted: string[]) => {
    const found = some('path', metadata.paths, wanted);
    const untold = metadata.paths === undefined && (kind === 'push' || kind === 'pull_request');
    if (found.fits || (metadata.paths_complete !== false && !untold)) return found;
    return { fits: true, why: `not all changed paths are known, so "${wanted.join(', ')}" may fit` };
  },
  fork: ({ metadata }, wanted: boolean) => ({
    fits: (metadata.fork ?? false) === wanted,
    why: metadata.fork ? 'it comes from a fork' : 'it comes from no fork',
  }),
  if: (delivery, wanted: string) => {
    try {
      const fits = conditionHolds(wanted, delivery);
      return { fits, why: `\`${shorten(wanted)}\` is ${fits}` };
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      return { fits: false, why: `${error.message}: it has no value for this event` };
    }
  },
};

export function checkRule({ name, when, then }: RouteRule, delivery: Delivery): CheckedRule {
  const conditions = (Object.entries(when) as [keyof RouteCondition, never][]).map(
    ([condition, wanted]): Checked => ({ condition, ...TESTS[condition](delivery, wanted) }),
  );
  if (delivery.kind === 'other' && !when.kind && !when.event) {
    const why = 'events of kind other fit only where `kind` or `event` asks for them';
    conditions.push({ condition: 'kind', fits: false, why });
  }
  const missing = conditions.every(({ fits }) => fits) ? missingIn(then, delivery) : undefined;
  if (missing !== undefined)
    conditions.push({ condition: 'then', fits: false, why: `{{${missing}}} has no value for this event` });
  return { rule: name, fits: conditions.every(({ fits }) => fits), conditions };
}

function one(what: string, value: string | null | undefined, wanted: string[]) {
  if (value === undefined || value === null) return { fits: false, why: `it has no ${what}` };
  const fits = matches(wanted, value);
  return { fits, why: `${what} ${value} ${fits ? 'fits' : 'does not fit'} "${wanted.join(', ')}"` };
}

function some(what: string, values: string[] | undefined, wanted: string[]) {
  const found = values?.find((value) => matches(wanted, value));
  if (found !== undefined) return { fits: true, why: `${what} ${found} fits "${wanted.join(', ')}"` };
  const none = values?.length ? `none of ${values.length} ${what}s fits` : `it has no ${what}s; none fits`;
  return { fits: false, why: `${none} "${wanted.join(', ')}"` };
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
