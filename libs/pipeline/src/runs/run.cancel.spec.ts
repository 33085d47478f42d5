import { describe, expect, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { runDecider } from './run.decider.js';
import {
  after,
  began,
  cancel,
  deadline,
  definitionOf,
  ended,
  gate,
  play,
  runAfter,
  shell,
  start,
  statuses,
} from './run.fixtures.js';

const build = definitionOf(
  shell('build'),
  shell('ship', ['build']),
  shell('tidy', ['build'], 'if: always(),'),
  shell('alarm', ['build'], 'if: failure(),'),
  shell('undo', ['build'], 'if: cancelled(),'),
  shell('last', ['tidy'], 'if: always(),'),
);

describe('a run that is cancelled', () => {
  it('ends what is open, lets steps clean up, and ends after them', () => {
    const run = start(build);
    expect(statuses(run, began('build'), cancel)).toEqual({
      ...{ build: 'CANCELLED', ship: 'CANCELLED', tidy: 'QUEUED', alarm: 'SKIPPED', undo: 'QUEUED' },
      ...{ last: 'PENDING', run: 'CANCELLING' },
    });
    const cleaned = [run, cancel, ended('tidy', 'failed'), ended('undo', 'succeeded')];
    expect(statuses(...cleaned)).toMatchObject({ last: 'QUEUED', run: 'CANCELLING' });
    const events = play(...cleaned, ended('last', 'succeeded'));
    expect(events.at(-1)).toMatchObject({ type: 'RunCancelled', data: { reason: 'wrong branch' } });
  });

  it('runs failure() only where something had failed', () => {
    const run = start(
      definitionOf(
        shell('a'),
        shell('b'),
        shell('x', ['a', 'b'], 'if: failure(),'),
        shell('y', ['b'], 'if: failure(),'),
      ),
    );
    expect(statuses(run, ended('a', 'failed'), cancel)).toEqual({
      ...{ a: 'FAILED', b: 'CANCELLED', x: 'QUEUED', y: 'SKIPPED', run: 'CANCELLING' },
    });
  });

  it('ends its cleaning up when it is cancelled again, but not for its group', () => {
    const cleaning = play(start(build), cancel);
    given(runDecider, ...cleaning)
      .when({ ...cancel, once: true })
      .thenNothing();
    const types = given(runDecider, ...cleaning)
      .when(cancel)
      .thenTypes('StepCancelled', 'StepCancelled', 'StepCancelled', 'RunCancelled');
    expect(types[0]!.data).toMatchObject({ message: 'the run was cancelled while it cleaned up' });
  });

  it('opens no gate any more, and begins nothing that has not asked for it', () => {
    const run = start(
      definitionOf(
        shell('a'),
        shell('tidy', ['a'], 'if: always(),'),
        `${gate('ask', ['a'])}, if: always()`,
        shell('next', ['tidy']),
      ),
    );
    expect(statuses(run, cancel)).toMatchObject({ ask: 'CANCELLED', next: 'CANCELLED', tidy: 'QUEUED' });
  });
});

describe('a run that is out of time', () => {
  const timed = { ...build, timeout_seconds: 60 };

  it('is cancelled with that reason, cleans up, and has failed', () => {
    const run = start(timed);
    given(runDecider, ...play(run))
      .when(deadline(59))
      .thenNothing();
    const late = play(run, deadline(60));
    expect(runAfter(...late)).toMatchObject({ status: 'CANCELLING', message: 'timed out after 60 s' });
    const over = [ended('tidy', 'succeeded'), ended('undo', 'succeeded'), ended('last', 'succeeded')];
    expect(play(run, deadline(60), ...over).at(-1)).toMatchObject({
      type: 'RunFailed',
      data: { message: 'timed out after 60 s', failed_steps: ['build', 'ship'] },
    });
  });

  it('has as long again for cleaning up', () => {
    const late = play(start(timed), deadline(70));
    given(runDecider, ...late)
      .when(deadline(129))
      .thenNothing();
    expect(runAfter(...play(start(timed), deadline(70), deadline(130))).status).toBe('FAILED');
  });

  it('is not, as long as it has no limit, or has ended', () => {
    given(runDecider, ...play(start(build)))
      .when(deadline(1e7))
      .thenNothing();
    given(runDecider, ...play(start(timed), cancel, cancel))
      .when(deadline(1e7))
      .thenNothing();
  });

  it('counts from when its group let it begin', () => {
    const grouped = { ...timed, concurrency: { group: 'g', cancel_in_progress: false } };
    const waiting = play(start(grouped));
    given(runDecider, ...waiting)
      .when(deadline(1e6))
      .thenNothing();
    const release = { type: 'ReleaseRun', now: after(100) } as const;
    given(runDecider, ...play(start(grouped), release))
      .when(deadline(159))
      .thenNothing();
    expect(runAfter(...play(start(grouped), release, deadline(160))).status).toBe('CANCELLING');
  });
});

describe('a run with a concurrency group', () => {
  const grouped = {
    ...definitionOf(shell('a'), shell('tidy', ['a'], 'if: always(),')),
    concurrency: { group: 'deploy-{{.Branch}}', cancel_in_progress: true },
  };

  it('waits until it is released, once', () => {
    const events = given(runDecider).when(start(grouped)).thenTypes('RunStarted', 'RunWaiting');
    expect(events[1]!.data).toMatchObject({ group: 'deploy-main', cancel_in_progress: true });
    const release = { type: 'ReleaseRun', now: after(1) } as const;
    given(runDecider, ...events)
      .when(release)
      .thenTypes('RunReleased', 'StepQueued');
    given(runDecider, ...play(start(grouped), release))
      .when(release)
      .thenNothing();
  });

  it('that is cancelled before it began has nothing to clean up', () => {
    expect(statuses(start(grouped), cancel)).toEqual({ a: 'CANCELLED', tidy: 'CANCELLED', run: 'CANCELLED' });
  });

  it('is refused where the name has no value, or is too long, and has none where it is empty', () => {
    const named = (group: string) => ({ ...grouped, concurrency: { group, cancel_in_progress: false } });
    given(runDecider)
      .when(start(named('{{.PreviousExecutionID}}')))
      .thenRejected('concurrency_group_invalid');
    given(runDecider)
      .when(start(named('x'.repeat(201))))
      .thenRejected('concurrency_group_invalid');
    given(runDecider)
      .when(start(named('{{.Branch}}'), { source: null }))
      .thenTypes('RunStarted', 'StepQueued');
  });
});
