/** What the schema cannot say of a net-zero configuration. */
import { child, ConditionError, didYouMean } from '@hybrid/pipeline';
import { tooMuchWork } from './bounds.js';
import { checkCondition } from './delivery-condition.js';
import type { NetZero, RouteAction, RouteCondition, RouteRule } from './net-zero.js';
import { sentInPlainText } from './plain-text.js';
import { textFault, textsOf } from './texts.js';

/** `pointer`: JSON pointer of the value that it is about. */
export type Report = (pointer: string, message: string) => void;

export function checkNetZero(config: NetZero, report: Report): void {
  const { routes, relay } = config;
  const sources = relay?.sources.map(({ name }) => name);
  if (sources) checkUnique(sources, '/relay/sources', 'source', report);
  checkUnique(
    routes.rules.map(({ name }) => name),
    '/routes/rules',
    'rule',
    report,
  );
  const { join_token, oauth2 } = relay?.control_plane ?? {};
  if (relay?.control_plane && (join_token === undefined) === (oauth2 === undefined)) {
    report(
      '/relay/control_plane',
      'needs `join_token` or `oauth2`, one of them: with it the relay registers',
    );
  }
  for (const { pointer, message } of sentInPlainText(config)) report(pointer, message);
  routes.rules.forEach((rule, index) => {
    const pointer = `/routes/rules/${index}`;
    checkConditions(rule.when, sources, `${pointer}/when`, report);
    checkAction(rule.then, config, false, `${pointer}/then`, report);
  });
  if (routes.default) checkAction(routes.default, config, true, '/routes/default', report);
  if (routes.match !== 'all') checkReachable(routes.rules, report);
  const tooMuch = tooMuchWork(routes.rules);
  if (tooMuch)
    report(
      `/routes/rules/${tooMuch.rule}/when/${tooMuch.condition}`,
      'with these, the patterns of all rules together may be too much work for one event: use fewer of them, with fewer wildcards and braces, or an `if`',
    );
}

function checkUnique(names: string[], pointer: string, what: string, report: Report): void {
  names.forEach((name, index) => {
    const first = names.indexOf(name);
    if (first < index)
      report(`${pointer}/${index}/name`, `there is a ${what} \`${name}\` already; name this one otherwise`);
  });
}

function checkConditions(
  when: RouteCondition,
  sources: string[] | undefined,
  pointer: string,
  report: Report,
): void {
  const unknown =
    when.source?.filter((name) => !/[*?[\]{}()!+@]/.test(name) && !sources?.includes(name)) ?? [];
  if (sources) {
    for (const name of unknown) {
      const mend = didYouMean(name, sources) || `; there is ${sources.join(', ')}`;
      report(`${pointer}/source`, `there is no source \`${name}\`${mend}`);
    }
  }
  if (when.if === undefined) return;
  try {
    checkCondition(when.if);
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    report(`${pointer}/if`, error.message);
  }
}

function checkAction(
  action: RouteAction,
  { decisions }: NetZero,
  byDefault: boolean,
  pointer: string,
  report: Report,
): void {
  if (action.do === 'send' && !decisions)
    report(`${pointer}/do`, '`send` needs a queue to send to: write `decisions` beside `queue`');
  const key = action.do === 'run' ? 'inputs' : 'message';
  for (const [name, text] of Object.entries(textsOf(action))) {
    const fault = textFault(text, byDefault);
    if (fault !== null) report(child(`${pointer}/${key}`, name), fault);
  }
}

/** Under `first`, what an earlier rule takes away. Only what is certain: the same conditions, or none at all. */
function checkReachable(rules: RouteRule[], report: Report): void {
  const seen = new Map<string, string>();
  let catchesAll: string | undefined;
  rules.forEach(({ name, when, then }, index) => {
    const conditions = JSON.stringify(Object.entries(when).toSorted());
    const asksForOthers = when.kind?.includes('other') || when.event;
    const before = seen.get(conditions) ?? (asksForOthers ? undefined : catchesAll);
    if (before !== undefined) {
      report(
        `/routes/rules/${index}`,
        `never decides: \`${before}\` before it fits whenever it does; put it first, or write \`match: all\``,
      );
    }
    // A rule whose texts may have no value lets others through.
    if (Object.values(textsOf(then)).some((text) => textFault(text, true) !== null)) return;
    if (!seen.has(conditions)) seen.set(conditions, name);
    if (Object.keys(when).length === 0) catchesAll ??= name;
  });
}
