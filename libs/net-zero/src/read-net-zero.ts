/** Reads a net-zero configuration: its text in, the checked configuration or every error out. */
import { NET_ZERO_MAX, type FieldError } from '@hybrid/contracts';
import { pathOf, presentable, readDocument, shapeCheck } from '@hybrid/pipeline';
import { stringify } from 'yaml';
import { checkNetZero } from './check-net-zero.js';
import type { NetZero, RouteCondition, Routes } from './net-zero.js';
import { controlPlaneSchema, netZeroSchema } from './net-zero.schema.js';

const shapes = { whole: shapeCheck(netZeroSchema), 'control-plane': shapeCheck(controlPlaneSchema) };

/** More errors of shape than are ever shown. */
const ENOUGH = 101;

/**
 * `part`: `whole`, as the customer writes it; `control-plane`: without what stays on the customer's side, which is
 * refused then. Answers the configuration, its short forms written out, or all errors in the order of the text (at most
 * 100), each with path, line and column counted from 1. Never throws.
 */
export function readNetZero(
  text: string,
  { part }: { part: keyof typeof shapes },
): { config: NetZero } | { errors: FieldError[] } {
  const { document, errors } = readDocument(text, { what: 'configuration', max: NET_ZERO_MAX });
  if (!document) return { errors };
  errors.push(...shapes[part](document, ENOUGH));
  if (errors.length > 0) return { errors: presentable(errors) };
  const config = writtenOut(document.value as NetZero);
  checkNetZero(config, (pointer, message) =>
    errors.push({ path: pathOf(pointer), message, ...document.positionOf(pointer) }),
  );
  return errors.length > 0 ? { errors: presentable(errors) } : { config };
}

/** All that the control plane is told: not the relay's own part, not where the relay finds its credential. */
export function controlPlanePart({ relay: _, credentials, ...config }: NetZero): NetZero {
  const own = credentials?.control_plane;
  return { ...config, ...(own && { credentials: { control_plane: own } }) };
}

/** The text that `hybrid config apply` sends. Comments stay at home. */
export function controlPlaneText(config: NetZero): string {
  return stringify(controlPlanePart(config), { aliasDuplicateObjects: false });
}

function writtenOut(config: NetZero): NetZero {
  const routes: Routes = {
    ...config.routes,
    rules: config.routes.rules.map((rule) => ({ ...rule, when: listsIn(rule.when) })),
  };
  return { ...config, routes };
}

/** One text stands for a list of it. */
function listsIn(when: RouteCondition | null): RouteCondition {
  const entries = Object.entries(when ?? {}).map(([key, value]: [string, unknown]) => {
    const isList = typeof value === 'string' && key !== 'if';
    return [key, isList ? [value] : value];
  });
  return Object.fromEntries(entries) as RouteCondition;
}
