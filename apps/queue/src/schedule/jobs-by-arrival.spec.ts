import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@hybrid/testing';
import { cameBefore, JobsByArrival, type Arrival } from './jobs-by-arrival.js';

function arrival(arrived: number, availableAt = 0): Arrival {
  return { id: `job-${arrived}`, arrived, availableAt };
}

const all = (jobs: JobsByArrival<Arrival>) => [...jobs.availableBetween(-Infinity, Infinity)];

describe('jobs by arrival', () => {
  it('stand where they arrived, whenever they are put in', () => {
    const jobs = new JobsByArrival();
    for (const arrived of [5, 1, 4, 2, 3]) jobs.add(arrival(arrived));
    expect(all(jobs).map(({ arrived }) => arrived)).toEqual([1, 2, 3, 4, 5]);
    expect(jobs.newest?.arrived).toBe(5);
  });

  it('of one position stand in the order of their ids', () => {
    const [one, other] = [arrival(7), { ...arrival(7), id: 'job-6' }];
    expect([cameBefore(one, other), cameBefore(other, one), cameBefore(one, one)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('are none before the first and after the last', () => {
    const jobs = new JobsByArrival();
    const only = arrival(1, 10);
    expect([jobs.earliest, jobs.newest, jobs.first(Infinity)]).toEqual([Infinity, undefined, undefined]);
    jobs.add(only);
    expect([jobs.earliest, jobs.newest, jobs.first(9), jobs.first(10)]).toEqual([10, only, undefined, only]);
    jobs.remove(arrival(1, 10));
    expect(jobs.newest).toBe(only);
    jobs.remove(only);
    expect([jobs.earliest, jobs.newest, jobs.first(Infinity)]).toEqual([Infinity, undefined, undefined]);
  });

  it('are what a plain sorted list of them would be, over many runs of them', () => {
    const random = seededRandom();
    const jobs = new JobsByArrival();
    const old = new Set<number>();
    let plain: Arrival[] = [];
    // First they grow to some thousands, then they shrink to nothing.
    for (let step = 0; step < 6_000 || plain.length > 0; step++) {
      if (random() < (step < 6_000 ? 0.8 : 0.1)) {
        const late = Math.floor(random() * 10_000);
        const arrived = random() < 0.3 && !old.has(late) ? late : 10_000 + step;
        old.add(arrived);
        const job = arrival(arrived, Math.floor(random() * 1000));
        jobs.add(job);
        plain.push(job);
      } else if (plain.length > 0) {
        const [job] = plain.splice(Math.floor(random() * random() * plain.length), 1);
        jobs.remove(job!);
      }
      if (step % 100 > 0) continue;
      plain = plain.sort((one, other) => one.arrived - other.arrived);
      const by = Math.floor(random() * 50);
      expect(jobs.earliest).toBe(Math.min(Infinity, ...plain.map(({ availableAt }) => availableAt)));
      expect(jobs.newest).toBe(plain.at(-1));
      expect(jobs.first(by)).toBe(plain.find(({ availableAt }) => availableAt <= by));
      expect([...jobs.availableBetween(by - 20, by)]).toEqual(
        plain.filter(({ availableAt }) => availableAt > by - 20 && availableAt <= by),
      );
    }
    expect([jobs.earliest, jobs.newest]).toEqual([Infinity, undefined]);
  });
});
