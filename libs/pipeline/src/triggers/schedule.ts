/** Times at which a schedule is due: cron with five fields, in UTC. Times are RFC 3339. */
import { Cron } from 'croner';

/** The first one after that time; null: there is none any more. */
export function nextDue(cron: string, after: string): string | null {
  return at(cron).nextRun(after)?.toISOString() ?? null;
}

/** The latest one that is not after that time; null: there was none. */
export function latestDue(cron: string, until: string): string | null {
  // Before a time is not at it.
  const [latest] = at(cron).previousRuns(1, new Date(Date.parse(until) + 1));
  return latest?.toISOString() ?? null;
}

function at(cron: string): Cron {
  return new Cron(cron, { timezone: 'UTC', mode: '5-part' });
}
