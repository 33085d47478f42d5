import { describe, expect, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { runDecider } from './run.decider.js';
import {
  after,
  deadline,
  decides,
  definitionOf,
  ended,
  gate,
  NOW,
  play,
  runAfter,
  scan,
  shell,
  start,
  statuses,
  stepOf,
  tests,
} from './run.fixtures.js';

const ADA = 'ada-id';
const BOB = 'bob-id';
const CY = 'cy-id';
const asked = (config = '') =>
  start(definitionOf(shell('test'), gate('ask', ['test'], config), shell('ship', ['ask'])), {
    started_by: ADA,
  });
const open = (config = '') => [asked(config), ended('test', 'succeeded')] as const;

describe('a gate that people decide', () => {
  it('opens when what it needs is over, and passes with enough approvals', () => {
    const [, opened] = given(runDecider, ...play(asked()))
      .when(ended('test', 'succeeded'))
      .thenTypes('StepSucceeded', 'GateOpened');
    expect(opened!.data).toMatchObject({ step_id: 'ask', approvers: [], required: 1, conditions: [] });
    const two = open('required: 2');
    expect(statuses(...two)).toMatchObject({ ask: 'WAITING', ship: 'PENDING', run: 'RUNNING' });
    given(runDecider, ...play(...two))
      .when(decides('ask', BOB, { reason: 'fine' }))
      .then({ type: 'GateApproved', data: { step_id: 'ask', by: BOB, reason: 'fine', at: NOW } });
    given(runDecider, ...play(...two, decides('ask', BOB)))
      .when(decides('ask', CY))
      .thenTypes('GateApproved', 'GatePassed', 'StepQueued');
  });

  it('is shut by one who rejects it, and says why', () => {
    const rejected = decides('ask', BOB, { decision: 'rejected', reason: 'not on a Friday' });
    given(runDecider, ...play(...open('required: 2')))
      .when(rejected)
      .thenTypes('GateRefused', 'GateRejected', 'StepSkipped', 'RunFailed');
    const run = runAfter(...play(...open(), rejected));
    expect(stepOf(run, 'ask')).toMatchObject({
      status: 'FAILED',
      message: 'rejected by bob-id: not on a Friday',
    });
  });

  it('takes one decision of each person, and a repeated one is no second', () => {
    const events = play(...open('required: 2'), decides('ask', BOB));
    given(runDecider, ...events)
      .when(decides('ask', BOB))
      .thenNothing();
    given(runDecider, ...events)
      .when(decides('ask', BOB, { decision: 'rejected' }))
      .thenRejected('gate_decided');
    const passed = play(...open(), decides('ask', BOB));
    given(runDecider, ...passed)
      .when(decides('ask', BOB))
      .thenNothing();
    given(runDecider, ...passed)
      .when(decides('ask', CY))
      .thenRejected('gate_decided');
  });

  it('is not approved by whoever wanted the run, who may yet reject it', () => {
    const wanted = { ...asked(), started_by: 'key-1', wanted_by: [CY] };
    for (const [run, person] of [
      [asked(), ADA],
      [wanted, CY],
      [wanted, 'key-1'],
    ] as const) {
      const events = play(run, ended('test', 'succeeded'));
      given(runDecider, ...events)
        .when(decides('ask', person))
        .thenRejected('own_run');
      given(runDecider, ...events)
        .when(decides('ask', person, { decision: 'rejected' }))
        .thenTypes('GateRefused', 'GateRejected', 'StepSkipped', 'RunFailed');
    }
  });

  it('is decided by those whom it names, by id or e-mail address', () => {
    const named = play(...open(`approvers: [Bob@Example.com, ${CY}]`));
    given(runDecider, ...named)
      .when(decides('ask', BOB, { email: 'bob@example.COM' }))
      .thenTypes('GateApproved', 'GatePassed', 'StepQueued');
    given(runDecider, ...named)
      .when(decides('ask', CY))
      .thenTypes('GateApproved', 'GatePassed', 'StepQueued');
    for (const nobody of [decides('ask', BOB), decides('ask', 'x', { email: 'eve@example.com' })])
      given(runDecider, ...named)
        .when(nobody)
        .thenRejected('not_an_approver');
    given(runDecider, ...named)
      .when(decides('ask', 'x', { email: 'eve@example.com', decision: 'rejected' }))
      .thenRejected('not_an_approver');
  });

  it('is decided by no API key', () => {
    given(runDecider, ...play(...open()))
      .when({ ...decides('ask', BOB), person: null })
      .thenRejected('gate_needs_person');
  });

  it("is decided by the installation's administrator alone where nobody is named and one suffices", () => {
    const own = (config: string) => play({ ...asked(config), started_by: 'administrator' }, open()[1]);
    const approves = decides('ask', 'administrator');
    given(runDecider, ...own(''))
      .when(approves)
      .thenTypes('GateApproved', 'GatePassed', 'StepQueued');
    given(runDecider, ...own('required: 2'))
      .when(approves)
      .thenRejected('own_run');
    given(runDecider, ...own('approvers: [administrator]'))
      .when(approves)
      .thenRejected('own_run');
  });

  it('says what is wrong with the rest', () => {
    given(runDecider, ...play(asked()))
      .when(decides('ask', BOB))
      .thenRejected('gate_not_open');
    given(runDecider, ...play(asked()))
      .when(decides('test', BOB))
      .thenRejected('gate_not_found');
    given(runDecider, ...play(asked()))
      .when(decides('asc', BOB))
      .thenRejected('gate_not_found');
    given(runDecider).when(decides('ask', BOB)).thenRejected('run_not_found');
    given(runDecider, ...play(asked(), ended('test', 'failed')))
      .when(decides('ask', BOB))
      .thenRejected('gate_decided');
  });

  it('is shut when nobody decided in time', () => {
    const events = play(...open('required: 2, timeout: 1h'), decides('ask', BOB));
    expect(stepOf(runAfter(...events), 'ask').gate).toMatchObject({ expires_at: after(3_600) });
    given(runDecider, ...events)
      .when(deadline(3_599))
      .thenNothing();
    const [shut] = given(runDecider, ...events)
      .when(deadline(3_600))
      .thenTypes('GateRejected', 'StepSkipped', 'RunFailed');
    expect(shut!.data).toMatchObject({
      message: expect.stringContaining('1 of 2 approvals') as unknown,
    });
  });
});

describe('a gate that people decide only where its conditions do not', () => {
  const conditions = 'auto_approve_conditions: ["scan.passed == true", "tests.passed == true"]';
  const definition = definitionOf(
    shell('test', [], 'matrix: {n: [1, 2]},'),
    'name: sast, type: step.scan_sast, config: {scanner: semgrep, source_path: /workspace}',
    gate('ask', ['test', 'sast'], conditions),
  );
  const begun = start(definition);
  const with2 = [
    ended('test[n=1]', 'succeeded', { report: tests([]) }),
    ended('test[n=2]', 'succeeded', { report: tests([]) }),
  ];

  it('passes by itself when all are true, and keeps what they were', () => {
    const events = play(begun, ...with2, ended('sast', 'succeeded', { report: scan(0) }));
    expect(events.at(-2)).toMatchObject({
      type: 'GatePassed',
      data: { conditions: [{ result: true }, { result: true }] },
    });
  });

  it.each([
    ['a scan found what it should not', scan(1, false)],
    ['a scan told nothing', null],
  ])('waits for people when %s', (_, report) => {
    const forgiving = {
      ...definition,
      steps: definition.steps.map((step) => ({ ...step, continue_on_error: true })),
    };
    const events = play(start(forgiving), ...with2, ended('sast', 'failed', { report }));
    expect(events.at(-1)).toMatchObject({
      type: 'GateOpened',
      data: { conditions: [{ result: false }, { result: true }] },
    });
  });

  it('waits for people when a test failed, however the step took it', () => {
    const failing = ended('test[n=2]', 'succeeded', { report: tests(['it works']) });
    const events = play(begun, with2[0]!, failing, ended('sast', 'succeeded', { report: scan(0) }));
    expect(events.at(-1)).toMatchObject({
      type: 'GateOpened',
      data: { conditions: [{}, { result: false }] },
    });
  });

  it('takes the steps for tests where none reports any', () => {
    const silent = [ended('test[n=1]', 'succeeded'), ended('test[n=2]', 'succeeded')];
    const events = play(begun, ...silent, ended('sast', 'succeeded', { report: scan(0) }));
    expect(events.at(-1)!.type).toBe('RunSucceeded');
  });
});
