/** Runs that nobody starts by hand: their ids, which make them come about once, and what they begin with. */
import type { RunTrigger, Source, TriggerEvent } from '@hybrid/contracts';
import { v5 as uuidv5 } from 'uuid';
import type { StartOnce } from '../runs/runs.js';

/** Fixed forever: the same cause must name the same run. */
const RUNS = '2f1b6a52-9a0e-5d6c-8f0b-6d2c6c1e7a94';

/** @param cause the delivery, the time that a schedule was due, the run before: whatever can come again. */
export function runIdOf(org: string, cause: string, pipeline: string): string {
  return uuidv5(`${org}\n${cause}\n${pipeline}`, RUNS);
}

/** The beginnings of `started_by`; no id of a person or key looks like one. */
export const STARTED_BY = { delivery: 'delivery/', schedule: 'schedule/', run: 'run/' } as const;

/** Whether a pipeline's own `on` started the run: no person, no key and no rule. */
export function isByItself({ started_by, rule }: { started_by: string; rule?: string }): boolean {
  return rule === undefined && Object.values(STARTED_BY).some((prefix) => started_by.startsWith(prefix));
}

/** What a run takes from an event. */
export function fromEvent(
  event: TriggerEvent,
  clone_url: string | null,
): Pick<StartOnce['command'], 'source' | 'event' | 'author' | 'fork'> {
  return {
    source: sourceOf(event, clone_url),
    event: event.kind satisfies RunTrigger,
    ...(event.author !== null && { author: event.author }),
    ...(event.fork && { fork: true }),
  };
}

/** A fork may call its branch `main`: to conditions and concurrency groups it has another name. */
function sourceOf(event: TriggerEvent, clone_url: string | null): Source | null {
  const repository = event.clone_url ?? clone_url;
  if (repository === null) return null;
  const { commit, branch, tag, pull_request, fork } = event;
  const ref = fork ? `pull/${pull_request ?? 'fork'}` : (branch ?? tag);
  return { repository, ...(commit !== null && { commit }), ...(ref !== null && { ref }) };
}
