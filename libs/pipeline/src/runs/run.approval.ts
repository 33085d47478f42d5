/** A run whose commits come from a fork begins when somebody approves it who did not write them. */
import { reject, type Rejection } from '@hybrid/decider';
import type { ApproveRun } from './run.commands.js';
import type { RunEvent } from './run.events.js';
import { begin, groupOf } from './run.start.js';
import { evolve, hasEnded, type Run } from './run.state.js';

/** Rejections: run_needs_person, run_finished, run_not_held, own_run. */
export function approveRun({ person, now }: ApproveRun, run: Run): RunEvent[] | Rejection {
  if (!person)
    return reject(
      'run_needs_person',
      'a run is approved by a person who is signed in, not by an API key: use `hybrid login`, or the dashboard',
      'forbidden',
    );
  if (run.approved_by === person.user_id) return [];
  if (hasEnded(run)) return reject('run_finished', `the run ended at ${run.completed_at}`);
  if (!run.held)
    return reject(
      'run_not_held',
      run.approved_by === null
        ? 'the run waits for nobody: only runs of commits from a fork do'
        : `${run.approved_by} has approved it already`,
    );
  if (isWishOf(run, person))
    return reject(
      'own_run',
      'whoever wrote the commits or started the run does not approve it: somebody else has to',
      'forbidden',
    );
  const approved: RunEvent = { type: 'RunApproved', data: { by: person.user_id, at: now } };
  const begun = evolve(run, approved) as Run;
  const group = groupOf(begun);
  return typeof group === 'object' ? group : begin(begun, approved, group, now);
}

/** Logins at the host are not ours: one that is the name of the e-mail address counts, too. */
function isWishOf(
  { started_by, wanted_by = [], author }: Run,
  { user_id, email }: { user_id: string; email: string | null },
): boolean {
  if ([started_by, ...wanted_by].includes(user_id)) return true;
  const names = [user_id, email, email?.split('@')[0]].map((name) => name?.toLowerCase());
  return author !== undefined && names.includes(author.toLowerCase());
}
