/** Reads a tool's configuration: its text in, the checked configuration of one environment or every error out. */
import type { FieldError } from '@hybrid/contracts';
import { child, pathOf, presentable, readDocument, shapeCheck, type SourceDocument } from '@hybrid/pipeline';
import { checkTool } from './check-tool.js';
import type { EventConfig, ToolConfig } from './tool-config.js';
import { toolSchema } from './tool-config.schema.js';

/** Characters. */
const TOOL_MAX = 100_000;
/** More errors of shape than are ever shown. */
const ENOUGH = 101;

const shape = shapeCheck(toolSchema);

/** Fields with null are taken away. */
type Overrides = Partial<Record<keyof ToolConfig, unknown>> & { events?: Record<string, object | null> };
type ToolFile = ToolConfig & { environments?: Record<string, Overrides> };

/**
 * Answers what holds in the environment (what stands under `environments` laid over the rest; an environment that is not
 * named there has the rest), or all errors in the order of the text, each with path, line and column counted from 1.
 * All environments are checked, whichever is asked for. Never throws.
 */
export function readTool(
  text: string,
  environment?: string,
): { tool: ToolConfig; errors?: never } | { tool?: never; errors: FieldError[] } {
  const { document, errors } = readDocument(text, { what: 'configuration', max: TOOL_MAX });
  if (!document) return { errors };
  errors.push(...shape(document, ENOUGH));
  if (errors.length > 0) return { errors: presentable(errors) };
  const { environments = {}, ...base } = document.value as ToolFile;
  const variants = new Map<string | undefined, ToolConfig>([[undefined, base]]);
  errors.push(...faultsOf(base, '', document));
  for (const [name, overrides] of Object.entries(environments)) {
    const variant = laidOver(base, overrides);
    variants.set(name, variant);
    if (errors.length === 0) errors.push(...faultsOf(variant, child('/environments', name), document));
  }
  if (errors.length > 0) return { errors: presentable(errors) };
  return { tool: variants.get(environment) ?? base };
}

/** What stands in an environment and lacks something has its place there; what the base has, in the base. */
function faultsOf(tool: ToolConfig, within: string, document: SourceDocument): FieldError[] {
  const errors: FieldError[] = [];
  checkTool(tool, (pointer, message) => {
    const at = `${within}${pointer}`;
    errors.push({ path: pathOf(at), message, ...document.positionOf(at) });
  });
  return errors;
}

function laidOver(base: ToolConfig, { events, ...rest }: Overrides): ToolConfig {
  const merged = withoutNulls({ ...base, ...rest }) as ToolConfig;
  const names = new Set([...Object.keys(base.events), ...Object.keys(events ?? {})]);
  const entries = [...names].map((name): [string, unknown] => {
    const [below, above] = [base.events[name], (events ?? {})[name]];
    return [name, above === undefined ? below : above && eventLaidOver(below, above)];
  });
  return { ...merged, events: withoutNulls(Object.fromEntries(entries)) as ToolConfig['events'] };
}

function eventLaidOver(below: EventConfig | undefined, above: Partial<EventConfig>): Partial<EventConfig> {
  const metadata = { ...below?.metadata, ...above.metadata };
  const attributes = withoutNulls({ ...below?.metadata?.attributes, ...above.metadata?.attributes });
  return {
    ...below,
    ...above,
    metadata: withoutNulls({
      ...metadata,
      ...(metadata.attributes && { attributes }),
    }),
  };
}

function withoutNulls(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== null));
}
