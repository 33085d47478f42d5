/** Decides by the rules of a net-zero configuration what an event brings about. Pure. */
import type { Delivery } from '@hybrid/contracts';
import { budget, type Budget } from './bounds.js';
import { checkRule, type CheckedRule } from './fits.js';
import type { RouteAction, Routes, RouteRule } from './net-zero.js';
import { filledIn } from './texts.js';

export interface Decision {
  /** Null: none fits, and the default holds. */
  rule: string | null;
  /** Its texts are filled in. */
  action: RouteAction;
  /** `branch main fits "main", repository acme/web fits "acme/*"` */
  because: string;
}

/** At least one. Of each rule at most one, in the order of the rules. */
export function route(delivery: Delivery, routes: Routes): Decision[] {
  return explainRoute(delivery, routes).decisions;
}

/** The decisions, and what of each rule that was asked fits. Under `first` the rules after the first that fits are not asked. */
export function explainRoute(
  delivery: Delivery,
  { match = 'first', rules, default: fallback = { do: 'triggers' } }: Routes,
  within: Budget = budget(),
): { decisions: Decision[]; asked: CheckedRule[] } {
  const decisions: Decision[] = [];
  const asked: CheckedRule[] = [];
  for (const rule of rules) {
    const checked = checkRule(rule, delivery, within);
    asked.push(checked);
    if (!checked.fits) continue;
    decisions.push(decisionOf(rule, checked, delivery));
    if (match === 'first') break;
  }
  if (decisions.length > 0) return { decisions, asked };
  // Pings, stars, comments: they do something only where a rule asks for them.
  if (delivery.kind === 'other') {
    const because = 'no rule fits, and events of kind other do something only where a rule asks for them';
    return { decisions: [{ rule: null, action: { do: 'ignore' }, because }], asked };
  }
  const because = rules.length > 0 ? `none of ${rules.length} rules fits` : 'there are no rules';
  return { decisions: [{ rule: null, action: withValues(fallback, delivery), because }], asked };
}

function decisionOf({ name, then }: RouteRule, { conditions }: CheckedRule, delivery: Delivery): Decision {
  const because = conditions.map(({ why }) => why).join(', ') || 'the rule has no conditions';
  return { rule: name, action: withValues(then, delivery), because: shorten(because) };
}

function withValues(action: RouteAction, delivery: Delivery): RouteAction {
  if (action.do === 'run' && action.inputs) return { ...action, inputs: filledIn(action.inputs, delivery) };
  if (action.do === 'send' && action.message)
    return { ...action, message: filledIn(action.message, delivery) };
  return action;
}

/** It is stored with each decision. */
function shorten(text: string): string {
  return text.length > 2_000 ? `${text.slice(0, 1_999)}…` : text;
}
