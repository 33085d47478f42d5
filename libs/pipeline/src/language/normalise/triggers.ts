import type { InputDefinition, Triggers } from '../definition.js';
import { listOf, mapOf, textsOf, present, textOf } from './raw.js';

/** A pattern that takes everything back: no branch, or no tag. */
const NONE = ['!**'];

/** What `on` says, its short forms written out; undefined where it names nothing that starts a run by itself. */
export function triggersOf(value: unknown): Triggers | undefined {
  const on = Array.isArray(value) || typeof value === 'string' ? named(textsOf(value)) : mapOf(value);
  const tags = [...textsOf(on.tag), ...textsOf(on.tags)];
  const triggers = present<Triggers>({
    push: pushOf(on, tags),
    pull_request: Object.hasOwn(on, 'pull_request')
      ? {
          branches: textsOf(mapOf(on.pull_request).branches),
          paths: textsOf(mapOf(on.pull_request).paths),
        }
      : undefined,
    schedule: Object.hasOwn(on, 'schedule') ? schedulesOf(on.schedule).map(({ cron }) => cron) : undefined,
    pipelines: Object.hasOwn(on, 'pipeline') ? textsOf(on.pipeline) : undefined,
  });
  return Object.keys(triggers).length === 0 ? undefined : triggers;
}

/** Who names branches only means no tags, and the other way round. */
function pushOf(on: Record<string, unknown>, moreTags: string[]): Triggers['push'] {
  if (!Object.hasOwn(on, 'push')) {
    return moreTags.length === 0 ? undefined : { branches: NONE, tags: moreTags, paths: [] };
  }
  const push = mapOf(on.push);
  const branches = textsOf(push.branches);
  const tags = [...textsOf(push.tags), ...moreTags];
  const onlyTags = branches.length === 0 && textsOf(push.tags).length > 0;
  const onlyBranches = tags.length === 0 && branches.length > 0;
  return {
    branches: onlyTags ? NONE : branches,
    tags: onlyBranches ? NONE : tags,
    paths: textsOf(push.paths),
  };
}

function named(events: string[]): Record<string, unknown> {
  return Object.fromEntries(events.map((event) => [event, event === 'tag' ? ['**'] : null]));
}

/** Each with the rest of its pointer. */
export function schedulesOf(value: unknown): { cron: string; at: string }[] {
  if (typeof value === 'string') return [{ cron: value, at: '' }];
  return listOf(value).flatMap((item, index) => {
    const map = mapOf(item);
    const cron = textOf(item) ?? textOf(map.cron);
    return cron === undefined
      ? []
      : [{ cron, at: typeof item === 'string' ? `/${index}` : `/${index}/cron` }];
  });
}

export function inputsOf(inputs: unknown): Record<string, InputDefinition> {
  return Object.fromEntries(
    Object.entries(mapOf(inputs)).map(([name, value]) => {
      const { type, required, default: fallback } = mapOf(value) as Partial<InputDefinition>;
      return [
        name,
        { type: type!, required: required ?? false, ...(fallback !== undefined && { default: fallback }) },
      ];
    }),
  );
}
