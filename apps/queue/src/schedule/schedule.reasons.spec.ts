import { beforeEach, describe, expect, it } from '@jest/globals';
import { claimant, job, START, type JobOptions } from './schedule.fixtures.js';
import { Schedule, type Claimant } from './schedule.js';

describe('what the schedule tells those who ask why', () => {
  let schedule: Schedule;
  beforeEach(() => {
    schedule = new Schedule({ ageingSeconds: 600 });
  });

  const waits = (arrived: number, options: JobOptions = {}) => schedule.observe(job(arrived, options));
  const take = (options: Partial<Claimant> = {}) => schedule.take(claimant(options), START)?.jobId;

  describe('jobs ahead', () => {
    it('are those that came first, whatever agents they need', () => {
      for (const arrived of [1, 2, 3]) waits(arrived);
      waits(5, { labels: { os: 'linux' } });
      expect(schedule.standing('job-3', START)?.ahead.cameFirst).toBe(2);
    });

    it('are those that an agent which fits all would be given before, and why', () => {
      waits(1, { priority: 'HIGH', pipeline: 'a' });
      for (const arrived of [2, 3, 4, 5]) waits(arrived, { pipeline: 'a' });
      for (const arrived of [6, 7, 8]) waits(arrived, { pipeline: 'b', labels: { os: 'linux' } });
      waits(9, { available: 1 });
      waits(10, { priority: 'LOW' });
      // 1 for its priority; then b, a, b, a, b, and a twice.
      expect(schedule.standing('job-8', START)?.ahead).toEqual({
        higherPriority: 1,
        otherPipelines: 2,
        cameFirst: 2,
      });
      expect(schedule.standing('job-5', START)?.ahead).toEqual({
        higherPriority: 1,
        otherPipelines: 3,
        cameFirst: 3,
      });
    });

    it('of one group are as many as it has room for', () => {
      for (const arrived of [1, 2, 3]) waits(arrived, { group: 'deploy' });
      waits(4);
      expect(schedule.standing('job-4', START)?.ahead.cameFirst).toBe(1);
    });

    it('are not those of a full group, nor those of their pipelines that came later', () => {
      schedule.observe(job(0, { group: 'deploy', pool: 'gpu', status: 'CLAIMED' }));
      waits(1, { group: 'deploy', pipeline: 'a' });
      waits(5, { pipeline: 'a' });
      waits(3, { pipeline: 'b' });
      waits(4, { pipeline: 'c' });
      expect(schedule.standing('job-4', START)?.ahead.cameFirst).toBe(1);
    });

    it('are counted up to 10,000', () => {
      for (let arrived = 1; arrived <= 10_020; arrived++) waits(arrived);
      expect(schedule.standing('job-10000', START)?.ahead.cameFirst).toBe(9_999);
      expect(schedule.standing('job-10020', START)?.ahead.cameFirst).toBe(10_000);
    });
  });

  describe('why a job was passed over', () => {
    const why = (id: number, chosen: number, options: Partial<Claimant> = {}) =>
      schedule.whyNot(`job-${id}`, `job-${chosen}`, claimant(options), START);

    it('is its time, the agent, its group, its rank or somebody else', () => {
      waits(1, { priority: 'HIGH', pipeline: 'a' });
      waits(2, { available: 1 });
      waits(3, { capabilities: ['docker'] });
      waits(4, { pool: 'gpu' });
      waits(5, { priority: 'CRITICAL', group: 'deploy' });
      waits(6, { group: 'deploy', pool: 'gpu' });
      waits(7, { pipeline: 'b' });
      waits(8, { pipeline: 'a' });
      waits(9, { pipeline: 'a' });
      schedule.served('acme', 'default', 'b', 50n);
      expect(take({ pool: 'gpu' })).toBe('job-4');
      expect(take({ pool: 'gpu' })).toBe('job-6');
      expect(take()).toBe('job-1');
      expect([2, 3, 4, 5].map((id) => why(id, 1))).toEqual([
        'not_available_yet',
        'agent_does_not_fit',
        'agent_does_not_fit',
        'group_full',
      ]);
      expect(why(8, 1)).toBe('higher_priority');
      schedule.putBack('job-1');
      expect(why(7, 8)).toBe('other_pipelines_turn');
      expect(why(9, 8)).toBe('came_first');
      expect(why(8, 9)).toBe('taken_at_the_same_time');
      expect(why(6, 4, { pool: 'gpu' })).toBe('taken_at_the_same_time');
    });

    it('is not known where one of the two did not wait', () => {
      waits(1);
      expect([why(1, 2), why(2, 1)]).toEqual([null, null]);
    });

    it('is the same before and after the other was taken', () => {
      for (const arrived of [1, 2]) waits(arrived, { pipeline: 'a', group: 'deploy' });
      waits(3, { pipeline: 'b' });
      const reasons = () => [why(2, 1), why(3, 1)];
      const before = reasons();
      expect(take()).toBe('job-1');
      expect(reasons()).toEqual(before);
      expect(before).toEqual(['came_first', 'came_first']);
    });
  });
});
