import { beforeEach, describe, expect, it } from '@jest/globals';
import { claimant, job, START, type JobOptions } from './schedule.fixtures.js';
import { Schedule, type Claimant } from './schedule.js';

const pause = { reason: 'the machines are being moved', by: 'user ann', at: '2026-01-01T00:00:00.000Z' };
const MINUTE = 60_000;

describe('the schedule', () => {
  let schedule: Schedule;
  beforeEach(() => {
    schedule = new Schedule({ ageingSeconds: 600 });
  });

  const waits = (arrived: number, options: JobOptions = {}) => schedule.observe(job(arrived, options));
  const take = (options: Partial<Claimant> = {}, at = START) => schedule.take(claimant(options), at)?.jobId;
  const takeAll = (options: Partial<Claimant> = {}, at = START) => {
    const ids: string[] = [];
    for (let id; (id = take(options, at));) ids.push(id);
    return ids;
  };
  const claimed = (arrived: number, options: JobOptions = {}, position = BigInt(1000 + arrived)) => {
    schedule.observe(job(arrived, { ...options, status: 'CLAIMED' }));
    schedule.served(options.org ?? 'acme', options.pool ?? 'default', options.pipeline ?? null, position);
  };

  describe('priority', () => {
    it('comes first, and within it the order of arrival', () => {
      waits(1);
      waits(2, { priority: 'LOW' });
      waits(3, { priority: 'CRITICAL' });
      waits(4);
      waits(5, { priority: 'HIGH' });
      expect(takeAll()).toEqual(['job-3', 'job-5', 'job-1', 'job-4', 'job-2']);
    });

    it('is the one that the job has now', () => {
      waits(1);
      waits(2, { priority: 'LOW' });
      waits(2, { priority: 'HIGH' });
      expect(takeAll()).toEqual(['job-2', 'job-1']);
    });

    it('grows by one for each ageing interval since the job became available, up to CRITICAL', () => {
      waits(9, { priority: 'LOW' });
      const at = (minutes: number) => schedule.standing('job-9', START + minutes * MINUTE)?.effectivePriority;
      expect([0, 9.99, 10, 20, 30, 300].map(at)).toEqual([
        'LOW',
        'LOW',
        'NORMAL',
        'HIGH',
        'CRITICAL',
        'CRITICAL',
      ]);
      waits(8, { priority: 'HIGH', available: 20 * MINUTE });
      expect(schedule.standing('job-8', START)?.effectivePriority).toBe('HIGH');
      waits(10, { priority: 'NORMAL', available: 20 * MINUTE });
      expect(takeAll({}, START + 20 * MINUTE)).toEqual(['job-8', 'job-9', 'job-10']);
    });

    it('is that of each job of the same kind by itself, so that one that came back later has not grown', () => {
      waits(1, { priority: 'LOW', available: 10 * MINUTE });
      waits(2, { priority: 'LOW' });
      waits(3, { available: 5 * MINUTE });
      expect(takeAll({}, START + 11 * MINUTE)).toEqual(['job-2', 'job-3', 'job-1']);
    });

    it('does not grow when ageing is off', () => {
      schedule = new Schedule({ ageingSeconds: 0 });
      waits(1, { priority: 'LOW' });
      waits(2, { available: 900 * MINUTE });
      expect(takeAll({}, START + 900 * MINUTE)).toEqual(['job-2', 'job-1']);
    });

    it('is judged by the time of the question, also when that goes back', () => {
      waits(1, { priority: 'LOW' });
      waits(2, { available: 5 * MINUTE });
      schedule.take(claimant({ pool: 'other' }), START + 900 * MINUTE);
      expect(schedule.standing('job-1', START + 900 * MINUTE)?.effectivePriority).toBe('CRITICAL');
      expect(take({}, START + 6 * MINUTE)).toBe('job-2');
    });
  });

  describe('an agent', () => {
    it('gets jobs of its own organisation and pool only', () => {
      waits(1, { org: 'other' });
      waits(2, { pool: 'gpu' });
      waits(3);
      expect(takeAll()).toEqual(['job-3']);
    });

    it('gets jobs only whose labels and capabilities it has', () => {
      waits(1, { labels: { os: 'linux', gpu: 'yes' } });
      waits(2, { labels: { os: 'windows' } });
      waits(3, { labels: { os: 'linux' }, capabilities: ['docker'] });
      waits(4, { capabilities: ['docker', 'kvm'] });
      waits(5, { labels: { os: 'linux' } });
      expect(takeAll({ labels: { os: 'linux', zone: 'a' }, capabilities: ['docker'] })).toEqual([
        'job-3',
        'job-5',
      ]);
    });

    it('gets what came first, of whichever kinds it fits', () => {
      const linux = { labels: { os: 'linux' } };
      waits(5);
      waits(1, linux);
      waits(9, linux);
      waits(3, { group: 'deploy' });
      expect(takeAll(linux)).toEqual(['job-1', 'job-3', 'job-5', 'job-9']);
    });

    it('gets no job before its time, and is told when the next will be there', () => {
      waits(1, { available: 5_000 });
      waits(2, { available: 3_000, labels: { os: 'linux' } });
      expect(take()).toBeUndefined();
      expect(schedule.nextAvailable(claimant(), START)).toBe(START + 5_000);
      expect(schedule.nextAvailable(claimant({ labels: { os: 'linux' } }), START)).toBe(START + 3_000);
      expect(schedule.nextAvailable(claimant({ pool: 'gpu' }), START)).toBeNull();
      expect(schedule.nextAvailable(claimant(), START + 9_000)).toBe(START + 9_000);
      expect(take({}, START + 5_000)).toBe('job-1');
    });

    it('gets nothing from a paused pool until it is resumed', () => {
      waits(1);
      schedule.pause('acme', 'default', pause);
      expect(take()).toBeUndefined();
      expect(schedule.nextAvailable(claimant(), START)).toBeNull();
      expect(schedule.standing('job-1', START)?.paused).toEqual(pause);
      schedule.pause('acme', 'default', null);
      expect(take()).toBe('job-1');
    });
  });

  describe('pipelines', () => {
    it('take turns: the one served least recently comes first, one never served before all', () => {
      for (const arrived of [1, 2, 3]) waits(arrived, { pipeline: 'a' });
      for (const arrived of [4, 5]) waits(arrived, { pipeline: 'b' });
      waits(6);
      schedule.served('acme', 'default', 'a', 90n);
      schedule.served('acme', 'default', null, 80n);
      expect(takeAll()).toEqual(['job-4', 'job-6', 'job-1', 'job-5', 'job-2', 'job-3']);
    });

    it('have turns of their own in each pool and organisation', () => {
      waits(1, { pipeline: 'a' });
      waits(2, { pipeline: 'b' });
      schedule.served('acme', 'gpu', 'a', 90n);
      schedule.served('other', 'default', 'a', 90n);
      expect(take()).toBe('job-1');
    });

    it('are not set back by a claim that is older than the last known', () => {
      waits(1, { pipeline: 'a' });
      waits(2, { pipeline: 'b' });
      schedule.served('acme', 'default', 'a', 90n);
      schedule.served('acme', 'default', 'b', 80n);
      schedule.served('acme', 'default', 'a', 70n);
      expect(take()).toBe('job-2');
    });

    it('have had the turns of all their claims under way, whichever breaks off or is told of', () => {
      waits(1, { pipeline: 'a' });
      for (const arrived of [2, 3]) waits(arrived, { pipeline: 'b' });
      expect(takeAll()).toEqual(['job-1', 'job-2', 'job-3']);
      waits(4, { pipeline: 'a' });
      schedule.putBack('job-3');
      expect(takeAll()).toEqual(['job-4', 'job-3']);
      waits(2, { pipeline: 'b', priority: 'LOW' });
      waits(5, { pipeline: 'b' });
      waits(6, { pipeline: 'a' });
      expect(take()).toBe('job-6');
    });

    it('have their turn as before when a claim breaks off', () => {
      for (const arrived of [1, 2]) waits(arrived, { pipeline: 'a' });
      waits(3, { pipeline: 'b' });
      expect(take()).toBe('job-1');
      schedule.putBack('job-1');
      expect(take()).toBe('job-1');
      schedule.lost('job-1');
      expect(take()).toBe('job-2');
    });
  });

  describe('a job in flight', () => {
    it('is given to nobody else, until it is put back at its place', () => {
      waits(1);
      waits(2);
      expect(take()).toBe('job-1');
      expect(schedule.standing('job-1', START)?.inFlight).toBe(true);
      expect(take()).toBe('job-2');
      schedule.putBack('job-2');
      schedule.putBack('job-1');
      expect(takeAll()).toEqual(['job-1', 'job-2']);
    });

    it('numbers its decision', () => {
      waits(1);
      waits(2);
      expect(schedule.take(claimant(), START)).toEqual({ jobId: 'job-1', turn: 1 });
      schedule.putBack('job-1');
      expect(schedule.take(claimant(), START)).toEqual({ jobId: 'job-1', turn: 2 });
    });

    it('comes back to its place after a failure', () => {
      for (const arrived of [1, 2, 3]) waits(arrived);
      expect(take()).toBe('job-1');
      claimed(1);
      expect(schedule.standing('job-1', START)).toBeNull();
      schedule.observe(job(1, { status: 'FAILED' }));
      waits(1, { available: 1_000 });
      expect(take()).toBe('job-2');
      expect(takeAll({}, START + 1_000)).toEqual(['job-1', 'job-3']);
    });

    it('that somebody else was faster for is not to be had until the log says more', () => {
      waits(1);
      take();
      schedule.lost('job-1');
      expect(take()).toBeUndefined();
      expect(schedule.standing('job-1', START)?.inFlight).toBe(true);
      expect(schedule.repeat({ jobId: 'job-1', turn: 2 }, START)).toBe(false);
      claimed(1);
      waits(1);
      expect(take()).toBe('job-1');
    });

    it('stays so when the log says something else of it, and waits again if that was why its claim failed', () => {
      waits(1);
      take();
      waits(1, { priority: 'HIGH' });
      expect(take()).toBeUndefined();
      schedule.lost('job-1');
      expect(schedule.standing('job-1', START)?.effectivePriority).toBe('HIGH');
      expect(take()).toBe('job-1');
    });

    it('is no more so once its claim was seen: what the decision comes to then changes nothing', () => {
      waits(1);
      take();
      claimed(1);
      for (const end of ['putBack', 'lost', 'refusedByGroup'] as const) {
        schedule[end]('job-1');
        expect(take()).toBeUndefined();
      }
    });

    it('may be one that was decided elsewhere', () => {
      waits(1, { pipeline: 'a' });
      waits(2, { pipeline: 'a' });
      waits(3, { pipeline: 'b' });
      expect(schedule.repeat({ jobId: 'job-2', turn: 7 }, START)).toBe(true);
      expect(schedule.repeat({ jobId: 'job-2', turn: 8 }, START)).toBe(false);
      expect(schedule.repeat({ jobId: 'job-9', turn: 8 }, START)).toBe(false);
      expect(schedule.take(claimant(), START)).toEqual({ jobId: 'job-3', turn: 8 });
    });
  });

  describe('a concurrency group', () => {
    const deploy = { group: 'deploy', limit: 1 };

    it('lets no more jobs be claimed than its limit, those in flight included, over all pools', () => {
      for (const arrived of [1, 2]) waits(arrived, { ...deploy, limit: 2 });
      waits(3, { ...deploy, limit: 2, pool: 'gpu' });
      waits(4, { ...deploy, org: 'other' });
      expect(take()).toBe('job-1');
      claimed(1, { ...deploy, limit: 2 });
      expect(take()).toBe('job-2');
      expect(take({ pool: 'gpu' })).toBeUndefined();
      expect(schedule.standing('job-3', START)?.groupFull).toEqual({
        group: 'deploy',
        limit: 2,
        holders: ['job-1', 'job-2'],
      });
      expect(schedule.nextAvailable(claimant({ pool: 'gpu' }), START)).toBeNull();
      expect(take({ org: 'other' })).toBe('job-4');
      schedule.observe(job(1, { ...deploy, limit: 2, status: 'COMPLETED' }));
      expect(take({ pool: 'gpu' })).toBe('job-3');
    });

    it('lets jobs of no group pass', () => {
      waits(1, deploy);
      waits(2, deploy);
      waits(3);
      expect(takeAll()).toEqual(['job-1', 'job-3']);
    });

    it('has the limit that its newest live job came with', () => {
      waits(1, { ...deploy, limit: 1 });
      waits(2, { ...deploy, limit: 2 });
      expect(schedule.groupLimit('job-1')).toBe(2);
      expect(takeAll()).toEqual(['job-1', 'job-2']);
      schedule.putBack('job-2');
      schedule.observe(job(2, { ...deploy, limit: 2, status: 'CANCELLED' }));
      waits(3, deploy);
      expect(takeAll()).toEqual([]);
      waits(4);
      expect(schedule.groupLimit('job-4')).toBeNull();
    });

    it('that refused a job is asked again when a job of it changes, or after five seconds', () => {
      waits(1, deploy);
      waits(2, { ...deploy, pool: 'gpu' });
      take();
      schedule.refusedByGroup('job-1');
      expect(take()).toBeUndefined();
      expect(schedule.standing('job-1', START)?.groupFull).toEqual({
        group: 'deploy',
        limit: 1,
        holders: [],
      });
      expect(schedule.nextAvailable(claimant(), START)).toBe(START + 5_000);
      expect(take({}, START + 5_000)).toBe('job-1');
      schedule.refusedByGroup('job-1');
      schedule.observe(job(2, { ...deploy, pool: 'gpu', status: 'CANCELLED' }));
      expect(take({}, START + 5_000)).toBe('job-1');
    });

    it('is asked again at once if a job of it changed while the answer was under way', () => {
      waits(1, deploy);
      waits(2, deploy);
      take();
      schedule.observe(job(2, { ...deploy, status: 'CANCELLED' }));
      schedule.refusedByGroup('job-1');
      expect(take()).toBe('job-1');
      for (const priority of ['HIGH', 'CRITICAL'] as const) {
        waits(1, { ...deploy, priority });
        schedule.refusedByGroup('job-1');
        expect(take()).toBe('job-1');
      }
    });
  });

  it('asks a group again that refused a job when another claim of the group breaks off', () => {
    for (const arrived of [1, 2]) waits(arrived, { group: 'deploy', limit: 2 });
    expect(takeAll()).toEqual(['job-1', 'job-2']);
    schedule.refusedByGroup('job-2');
    schedule.putBack('job-1');
    expect(takeAll()).toEqual(['job-1', 'job-2']);
    schedule.refusedByGroup('job-2');
    schedule.lost('job-1');
    expect(take()).toBe('job-2');
  });
});
