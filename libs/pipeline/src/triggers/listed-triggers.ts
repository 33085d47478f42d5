/** What a definition says under `on`, one by one and in words. */
import type { Definition } from '../language/definition.js';
import { matches } from './pattern.js';

export interface ListedTrigger {
  kind: 'push' | 'tag' | 'pull_request' | 'schedule' | 'pipeline';
  /** `branches main, release/*`. */
  when: string;
  /** The cron of a schedule, the name of another pipeline. */
  source: string | null;
}

export function listedTriggers({ triggers = {} }: Pick<Definition, 'triggers'>): ListedTrigger[] {
  const { push, pull_request, schedule = [], pipelines = [] } = triggers;
  const listed: ListedTrigger[] = [];
  if (push && takesAny(push.branches))
    listed.push({ kind: 'push', when: words('branches', push.branches, push.paths), source: null });
  if (push && takesAny(push.tags)) listed.push({ kind: 'tag', when: words('tags', push.tags), source: null });
  if (pull_request) {
    const when = words('into branches', pull_request.branches, pull_request.paths);
    listed.push({ kind: 'pull_request', when, source: null });
  }
  for (const cron of new Set(schedule)) listed.push({ kind: 'schedule', when: cron, source: cron });
  for (const name of new Set(pipelines))
    listed.push({ kind: 'pipeline', when: `a run of ${name} succeeded`, source: name });
  return listed;
}

/** `!**` alone: the other kind of reference is meant. */
function takesAny(patterns: string[]): boolean {
  return patterns.some((pattern) => !pattern.startsWith('!')) || matches(patterns, 'any');
}

function words(what: string, patterns: string[], paths: string[] = []): string {
  const named = `${what} ${patterns.length === 0 ? 'all' : patterns.join(', ')}`;
  return paths.length === 0 ? named : `${named}; paths ${paths.join(', ')}`;
}
