/** Whether what happened in a repository starts a pipeline, by what its definition says under `on`; and in words, why. */
import type { TriggerEvent } from '@hybrid/contracts';
import type { Definition, Triggers } from '../language/definition.js';
import { matches, type Work } from './pattern.js';

/** Of patterns, for one event and one pipeline; less than a second. Whoever asks serves all organisations. */
const MAX_STEPS = 4_000_000;

export interface Triggered {
  fires: boolean;
  /** `branch main fits "main, release/*"` */
  why: string;
}

/** Without a commit there is nothing to run: the branch or tag is gone. */
export function triggeredBy(
  { triggers, inputs }: Pick<Definition, 'triggers' | 'inputs'>,
  event: TriggerEvent,
): Triggered {
  const decided = decide(triggers, event);
  if (!decided.fires) return decided;
  const asked = Object.entries(inputs).filter(
    ([, { required, default: fallback }]) => required && fallback === undefined,
  );
  if (asked.length === 0) return decided;
  const names = asked.map(([name]) => `\`${name}\``).join(', ');
  return no(`it needs ${names}, which an event does not give: declare a default, or start it by a rule`);
}

function decide(triggers: Triggers | undefined, event: TriggerEvent): Triggered {
  if (event.commit === null || /^0+$/.test(event.commit))
    return no(`the ${event.kind === 'tag' ? 'tag' : 'branch'} is gone, so there is no commit to run`);
  const work = { left: MAX_STEPS };
  switch (event.kind) {
    case 'push':
      return triggers?.push
        ? all(
            fits('branch', triggers.push.branches, event.branch, work),
            onPaths(triggers.push.paths, event, work),
          )
        : no('its `on` names no push');
    case 'tag':
      // The host tells no files of a tag: patterns of paths are for branches.
      return triggers?.push ? fits('tag', triggers.push.tags, event.tag, work) : no('its `on` names no tags');
    case 'pull_request':
      return triggers?.pull_request
        ? all(
            fits('base branch', triggers.pull_request.branches, event.base_branch, work),
            onPaths(triggers.pull_request.paths, event, work),
          )
        : no('its `on` names no pull_request');
  }
}

function fits(what: string, patterns: string[], value: string | null, work: Work): Triggered {
  if (value === null) return no(`the event names no ${what}`);
  const fires = matches(patterns, value, work);
  if (work.left < 0)
    return no(`its patterns are too much work for one ${what}: use fewer, with fewer wildcards and braces`);
  const wanted = patterns.length === 0 ? 'all' : patterns.join(', ');
  return { fires, why: `${what} ${value} ${fires ? 'fits' : 'does not fit'} "${wanted}"` };
}

/** One of the changed files must fit; where they are not known, or too many to look at, it runs. */
function onPaths(patterns: string[], { paths }: TriggerEvent, work: Work): Triggered | null {
  if (patterns.length === 0) return null;
  const wanted = `"${patterns.join(', ')}"`;
  if (paths === null) return { fires: true, why: `the changed files are not known, and may fit ${wanted}` };
  const found = paths.find((path) => matches(patterns, path, work) || work.left < 0);
  if (work.left < 0)
    return { fires: true, why: `there are too many changed files to look at all, and one may fit ${wanted}` };
  if (found === undefined) return no(`none of ${paths.length} changed files fits ${wanted}`);
  return { fires: true, why: `${found} fits ${wanted}` };
}

function all(...parts: (Triggered | null)[]): Triggered {
  const said = parts.filter((part) => part !== null);
  return said.find(({ fires }) => !fires) ?? { fires: true, why: said.map(({ why }) => why).join('; ') };
}

function no(why: string): Triggered {
  return { fires: false, why };
}
