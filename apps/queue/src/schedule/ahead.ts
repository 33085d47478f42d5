/** How many jobs come before one: what an agent that fits all would be given until then, if nothing else happened. */
import type { Ageing } from './ageing.js';
import type { ConcurrencyGroup } from './concurrency-group.js';
import { cameBefore } from './jobs-by-arrival.js';
import type { Turn } from './turn.js';
import type { WaitingJob } from './waiting-lists.js';

export interface Ahead {
  higherPriority: number;
  otherPipelines: number;
  cameFirst: number;
}

/** Enough for people, and counted within some milliseconds. */
const COUNTED = 10_000;

/** The jobs of one rank of a list, as they arrived. */
interface Source {
  group: ConcurrencyGroup | null;
  head: WaitingJob;
  rest: Iterator<WaitingJob, undefined>;
}

/** The jobs of one rank of a pipeline; the sources by their heads. */
interface Line {
  turn: Turn;
  sources: Source[];
}

export function jobsAhead(job: WaitingJob, at: number, ageing: Ageing): Ahead {
  const ahead: Ahead = { higherPriority: 0, otherPipelines: 0, cameFirst: 0 };
  const { turn, pool } = job.list;
  const ownRank = ageing.rankAt(at, job.list.rank, job.availableAt);
  const places = new Map<ConcurrencyGroup, number>();
  const servedAs = new Map<Turn, number>();
  let counted = 0;

  const full = ({ group }: Source) => group !== null && group.room(at) <= (places.get(group) ?? 0);
  const compareTurns = (one: Turn, other: Turn) =>
    (servedAs.get(one) ?? 0) - (servedAs.get(other) ?? 0) || one.compare(other);
  const lineBefore = (one: Line, other: Line) => {
    const byTurn = compareTurns(one.turn, other.turn);
    return byTurn < 0 || (byTurn === 0 && sourceBefore(one.sources[0]!, other.sources[0]!));
  };

  for (let rank = 0; rank <= ownRank; rank++) {
    const lines = sorted(linesOf(pool.shapes.values(), rank, at, ageing), lineBefore);
    for (let line = lines.shift(); line; line = lines.shift()) {
      const source = line.sources.shift()!;
      if (full(source)) {
        // For good, as no job ends meanwhile. What comes next in the line may have arrived after others.
        if (line.sources.length > 0) insert(lines, line, lineBefore);
        continue;
      }
      const byTurn = compareTurns(line.turn, turn);
      if (rank < ownRank) ahead.higherPriority++;
      else if (byTurn < 0) ahead.otherPipelines++;
      else if (byTurn === 0 && cameBefore(source.head, job)) ahead.cameFirst++;
      else return ahead;
      if (++counted === COUNTED) return ahead;
      if (source.group) places.set(source.group, (places.get(source.group) ?? 0) + 1);
      servedAs.set(line.turn, counted);
      const next = source.rest.next().value;
      if (next) insert(line.sources, { ...source, head: next }, sourceBefore);
      if (line.sources.length > 0) lines.push(line);
    }
  }
  return ahead;
}

function linesOf(shapes: Iterable<WaitingJob['list']['shape']>, rank: number, at: number, ageing: Ageing) {
  const lines = new Map<Turn, Line>();
  for (const { group, lists } of shapes)
    for (const { rank: listed, turn, jobs } of lists.values()) {
      if (rank > listed) continue;
      const rest = jobs.availableBetween(
        ageing.availableBy(at, listed, rank - 1),
        ageing.availableBy(at, listed, rank),
      );
      const head = rest.next().value;
      if (!head) continue;
      const line = lines.get(turn);
      if (line) line.sources.push({ group, head, rest });
      else lines.set(turn, { turn, sources: [{ group, head, rest }] });
    }
  for (const line of lines.values()) line.sources = sorted(line.sources, sourceBefore);
  return [...lines.values()];
}

function sourceBefore(one: Source, other: Source): boolean {
  return cameBefore(one.head, other.head);
}

function sorted<T>(all: T[], before: (one: T, other: T) => boolean): T[] {
  return all.sort((one, other) => (before(one, other) ? -1 : 1));
}

function insert<T>(among: T[], one: T, before: (one: T, other: T) => boolean): void {
  let low = 0;
  let high = among.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(among[middle]!, one)) low = middle + 1;
    else high = middle;
  }
  among.splice(low, 0, one);
}
