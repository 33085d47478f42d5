/** Whether a rule fits a delivery, condition by condition, each with its reason. */
import type { Delivery } from '@hybrid/contracts';
import { ConditionError, matches, type Work } from '@hybrid/pipeline';
import type { Budget } from './bounds.js';
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

type Test = (delivery: Delivery, wanted: never, budget: Budget) => Omit<Checked, 'condition'>;

const TESTS: Record<keyof RouteCondition, Test> = {
  source: ({ source }, wanted: string[], { texts }) => one('source', source, wanted, texts),
  tool: ({ tool }, wanted: string[], { texts }) => one('tool', tool, wanted, texts),
  kind: ({ kind }, wanted: string[], { texts }) => one('kind', kind, wanted, texts),
  event: ({ event }, wanted: string[], { texts }) => one('event', event, wanted, texts),
  action: ({ action }, wanted: string[], { texts }) => one('action', action, wanted, texts),
  repository: ({ metadata }, wanted: string[], { texts }) =>
    one('repository', metadata.repository, wanted, texts),
  branch: ({ metadata }, wanted: string[], { texts }) => one('branch', metadata.branch, wanted, texts),
  tag: ({ metadata }, wanted: string[], { texts }) => one('tag', metadata.tag, wanted, texts),
  base_branch: ({ metadata }, wanted: string[], { texts }) =>
    one('base_branch', metadata.base_branch, wanted, texts),
  author: ({ metadata }, wanted: string[], { texts }) => one('author', metadata.author, wanted, texts),
  labels: ({ metadata }, wanted: string[], { texts }) => some('label', metadata.labels, wanted, texts),
  paths: ({ kind, metadata }, wanted: string[], { paths }) => {
    const found = some('path', metadata.paths, wanted, paths);
    if (paths.left < 0)
      return {
        fits: true,
        why: `there are too many paths and patterns to look at all, so "${wanted.join(', ')}" may fit`,
      };
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

/** Of a configuration that was stored before such ones were refused. */
const TOO_MUCH = { fits: false, why: 'the patterns of all rules are too much work for one event' };

export function checkRule({ name, when, then }: RouteRule, delivery: Delivery, budget: Budget): CheckedRule {
  const conditions = (Object.entries(when) as [keyof RouteCondition, never][]).map(
    ([condition, wanted]): Checked => ({ condition, ...TESTS[condition](delivery, wanted, budget) }),
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

function one(what: string, value: string | null | undefined, wanted: string[], work: Work) {
  if (value === undefined || value === null) return { fits: false, why: `it has no ${what}` };
  const fits = matches(wanted, value, work);
  if (work.left < 0) return TOO_MUCH;
  return { fits, why: `${what} ${value} ${fits ? 'fits' : 'does not fit'} "${wanted.join(', ')}"` };
}

function some(what: string, values: string[] | undefined, wanted: string[], work: Work) {
  const found = values?.find((value) => matches(wanted, value, work) || work.left < 0);
  if (work.left < 0) return TOO_MUCH;
  if (found !== undefined) return { fits: true, why: `${what} ${found} fits "${wanted.join(', ')}"` };
  const none = values?.length ? `none of ${values.length} ${what}s fits` : `it has no ${what}s; none fits`;
  return { fits: false, why: `${none} "${wanted.join(', ')}"` };
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
