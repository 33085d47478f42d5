import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { given, specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { dutiesOf, runGroupDecider, type RunGroupCommand, type RunGroupState } from './run-group.decider.js';
import type { RunGroupEvent } from './run-group.events.js';

const now = '2030-01-01T00:00:00.000Z';

/** Runs are named by letters, and start in their order. */
function enter(run_id: string, cancel_in_progress = false): RunGroupCommand {
  const started_at = new Date(Date.UTC(2030, 0, 1, 0, run_id.charCodeAt(0))).toISOString();
  return { type: 'EnterGroup', group: 'g', run_id, started_at, cancel_in_progress, now };
}

function leave(run_id: string): RunGroupCommand {
  return { type: 'LeaveGroup', run_id, now };
}

function play(...commands: RunGroupCommand[]): RunGroupEvent[] {
  const events: RunGroupEvent[] = [];
  for (const command of commands)
    events.push(...(runGroupDecider.decide(command, fold(runGroupDecider, events)) as RunGroupEvent[]));
  return events;
}

const duties = (...commands: RunGroupCommand[]) => dutiesOf(fold(runGroupDecider, play(...commands)));

describe('a concurrency group', () => {
  it('lets the first run begin, and the next when that has left', () => {
    expect(duties(enter('a'))).toEqual({ release: 'a', cancel: [] });
    expect(duties(enter('a'), enter('b'))).toEqual({ release: 'a', cancel: [] });
    expect(duties(enter('a'), enter('b'), leave('a'))).toEqual({ release: 'b', cancel: [] });
    expect(duties(enter('a'), leave('a'))).toEqual({ release: null, cancel: [] });
  });

  it('cancels the run at work where the next one wants that', () => {
    expect(duties(enter('a'), enter('b', true))).toEqual({
      release: 'a',
      cancel: [{ run_id: 'a', reason: 'run b of the concurrency group `g` takes its place' }],
    });
    expect(duties(enter('a', true), enter('b'))).toMatchObject({ cancel: [] });
  });

  it('lets the newest run wait, in whatever order they come, and cancels the others', () => {
    const superseded = [{ run_id: 'b', reason: expect.stringContaining('run c is newer') as unknown }];
    for (const order of [
      [enter('b'), enter('c')],
      [enter('c'), enter('b')],
    ]) {
      expect(duties(enter('a'), ...order)).toEqual({ release: 'a', cancel: superseded });
      expect(duties(enter('a'), ...order, leave('b'), leave('a'))).toEqual({ release: 'c', cancel: [] });
    }
  });

  it('is asked and left twice without harm', () => {
    given(runGroupDecider, ...play(enter('a'), enter('b'), enter('c')))
      .when(enter('b'))
      .thenNothing();
    given(runGroupDecider, ...play(enter('a'), enter('b')))
      .when(enter('a'))
      .thenNothing();
    given(runGroupDecider, ...play(enter('a'), leave('a')))
      .when(leave('a'))
      .thenNothing();
    given(runGroupDecider).when(leave('x')).thenNothing();
  });

  it('has one run at work, ends every run, and has the newest one run, whatever comes twice or late', () => {
    const steps = fc.array(fc.record({ pick: fc.nat(1_000), again: fc.nat(2) }), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.boolean(), steps, (count, cancels, plan) => {
        const runs = Array.from({ length: count }, (_, n) => String.fromCharCode(97 + n));
        const world = new Map(runs.map((run) => [run, 'waiting']));
        let group: RunGroupState = runGroupDecider.initial;
        const underWay: { command: RunGroupCommand; again: number }[] = [];
        const tell = (command: RunGroupCommand) =>
          underWay.push({ command, again: plan[underWay.length % plan.length]!.again });
        const ends = (run: string) => {
          if (world.get(run) === 'over') return;
          world.set(run, 'over');
          tell(leave(run));
        };
        for (const run of runs) tell(enter(run, cancels));
        const ran = new Set<string>();
        for (let turn = 0; underWay.length > 0 || [...world.values()].includes('working'); turn++) {
          expect(turn).toBeLessThan(1_000);
          const at = plan[turn % plan.length]!.pick;
          const working = runs.find((run) => world.get(run) === 'working');
          if (working && (underWay.length === 0 || at % 5 === 0)) {
            ends(working);
            continue;
          }
          const one = underWay[at % underWay.length]!;
          if (one.again-- <= 0) underWay.splice(underWay.indexOf(one), 1);
          // A run that is over enters no more: whoever lets it in looks at it, before and after.
          if (one.command.type === 'EnterGroup' && world.get(one.command.run_id) === 'over') continue;
          const events = runGroupDecider.decide(one.command, group) as RunGroupEvent[];
          group = events.reduce((state, event) => runGroupDecider.evolve(state, event), group);
          const { release, cancel } = dutiesOf(group);
          for (const { run_id } of cancel) ends(run_id);
          if (release !== null && world.get(release) === 'waiting') {
            world.set(release, 'working');
            ran.add(release);
          }
          expect([...world.values()].filter((state) => state === 'working').length).toBeLessThanOrEqual(1);
        }
        expect([...world.values()].every((state) => state === 'over')).toBe(true);
        expect(ran).toContain(runs.at(-1));
        expect(group).toMatchObject({ at_work: null, waits: null, superseded: [] });
      }),
      { seed: specSeed(), numRuns: 300 },
    );
  });
});
