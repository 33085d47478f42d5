import { describe, expect, it } from '@jest/globals';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { fold, isRejection } from '@hybrid/decider';
import type { Definition } from '../language/definition.js';
import { runDecider, type RecordJobFinished, type RecordJobStarted, type RunCommand } from './run.decider.js';
import type { RunEvent } from './run.events.js';
import {
  began,
  cancel,
  deadline,
  decides,
  definitionOf,
  ended,
  failedOnce,
  gate,
  shell,
  start,
  stepOf,
} from './run.fixtures.js';
import { hasEnded, isOver, type Run, type RunState } from './run.state.js';

const MORE = [
  ...[
    '',
    '',
    '',
    'matrix: {m: [1, 2]},',
    'max_parallel: 1, matrix: {m: [1, 2]},',
    'continue_on_error: true,',
  ],
  ...['if: always(),', 'if: failure(),', 'if: cancelled(),', `if: "branch == 'x'",`],
];
const KINDS = ['shell', 'shell', 'shell', 'gate', 'shut'];

/** A step needs only earlier ones; some have a matrix, a condition, or may fail; some are gates. */
const definitionsWith = (kinds: string[], mores: string[]): fc.Arbitrary<Definition> =>
  fc
    .array(
      fc.record({
        needs: fc.uniqueArray(fc.nat(20), { maxLength: 3 }),
        kind: fc.constantFrom(...kinds),
        more: fc.constantFrom(...mores),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map((steps) =>
      definitionOf(
        ...steps.map(({ needs, kind, more }, index) => {
          const names = needs.filter((need) => need < index).map((need) => `s${need}`);
          if (kind === 'shell') return shell(`s${index}`, names, more);
          if (kind === 'ask') return gate(`s${index}`, names, 'required: 2, timeout: 1h');
          return `name: s${index}, needs: [${names.join(', ')}], type: step.gate, config: {type: automatic, conditions: ["${kind === 'gate'}"]}`;
        }),
      ),
    );

/** People decide, and the first failure ends others: there it matters what comes first. */
const racing = definitionsWith([...KINDS, 'ask'], [...MORE, 'fail_fast: true, matrix: {m: [1, 2, 3]},']);
const definitions = definitionsWith(KINDS, MORE);

/** What the world does next: which open job, how it ends, and how often one hears of it. */
const choices = fc.array(
  fc.record({
    pick: fc.nat(100),
    outcome: fc.constantFrom(
      'succeeded' as const,
      'succeeded' as const,
      'failed' as const,
      'cancelled' as const,
    ),
    starts: fc.nat(2),
    repeats: fc.nat(2),
    /** Of the whole run, seldom. */
    also: fc.constantFrom(
      ...Array<undefined>(20).fill(undefined),
      cancel,
      { ...cancel, once: true },
      deadline(60),
    ),
  }),
  { minLength: 1, maxLength: 30 },
);

/** What becomes of each job, and in which order and how often one hears of it. */
const fates = fc.array(
  fc.record({
    outcome: fc.constantFrom('succeeded' as const, 'failed' as const, 'cancelled' as const),
    starts: fc.nat(3),
  }),
  { minLength: 1, maxLength: 8 },
);
const deliveries = fc.array(fc.record({ pick: fc.nat(1_000), again: fc.nat(2) }), {
  minLength: 1,
  maxLength: 50,
});

const seed = { seed: specSeed() };

const ENDINGS = ['RunSucceeded', 'RunFailed', 'RunCancelled'];

describe('any run', () => {
  it('ends once, queues nothing early, and takes every result once', () => {
    fc.assert(
      fc.property(racing, choices, (definition, plan) => {
        const events: RunEvent[] = [];
        let state: RunState = runDecider.initial;
        const seen: RunCommand[] = [];
        const send = (command: RunCommand): number => {
          const before = state;
          const decided = runDecider.decide(command, state);
          if (isRejection(decided)) {
            expect(decided.rejected).toBe('gate_decided');
            return 0;
          }
          for (const event of decided) {
            state = runDecider.evolve(state, event);
            if (event.type === 'StepQueued') expectNeedsOver(state as Run, event.data.step_id);
          }
          expect(runDecider.decide(command, before)).toEqual(decided);
          events.push(...decided);
          return decided.length;
        };
        const tell = (command: RunCommand) => {
          seen.push(command);
          send(command);
        };

        send(start({ ...definition, timeout_seconds: 60 }));
        for (let turn = 0; !hasEnded(state); turn++) {
          expect(turn).toBeLessThan(200);
          const { pick, outcome, starts, repeats, also } = plan[turn % plan.length]!;
          if (also) {
            send(also);
            if (hasEnded(state)) break;
          }
          const run = state as unknown as Run;
          const open = run.plan.instances.filter(
            (_, index) => run.steps[index]!.status !== 'PENDING' && !isOver(run.steps[index]!),
          );
          const { id } = open[pick % open.length]!;
          if (stepOf(run, id).status === 'WAITING') {
            const decision = outcome === 'succeeded' ? 'approved' : 'rejected';
            for (const person of ['bob', 'cy']) tell(decides(id, person, { decision }));
          } else {
            for (let attempt = 1; attempt <= starts; attempt++) {
              tell(began(id, attempt));
              if (attempt < starts) tell(failedOnce(id, attempt));
            }
            tell(ended(id, outcome));
          }
          for (let again = 0; again < repeats; again++)
            expect(send(seen[(pick + again) % seen.length]!)).toBe(0);
        }

        const final = state as unknown as Run;
        expect(final.steps.every(isOver)).toBe(true);
        expect(events.filter(({ type }) => ENDINGS.includes(type))).toEqual([events.at(-1)]);
        expect(fold(runDecider, events)).toEqual(final);
        for (const late of seen) expect(send(late)).toBe(0);
      }),
      { ...seed, numRuns: 100 },
    );
  });

  it('comes out as if each message had come once and in order, however they are repeated and reordered', () => {
    fc.assert(
      fc.property(definitions, fates, deliveries, (definition, fates, plan) => {
        const messagesOf = (run: Run, index: number): (RecordJobStarted | RecordJobFinished)[] => {
          const { id } = run.plan.instances[index]!;
          const { outcome, starts } = fates[index % fates.length]!;
          return [...Array.from({ length: starts }, (_, n) => began(id, n + 1)), ended(id, outcome)];
        };

        const model = play(definition, messagesOf, () => ({ pick: 0, again: 0 }));
        let turn = 0;
        const real = play(definition, messagesOf, () => plan[turn++ % plan.length]!);
        expect(fateOf(real)).toEqual(fateOf(model));
      }),
      { ...seed, numRuns: 200 },
    );
  });
});

/** Runs it to its end; `next` says which of the messages that are under way comes, and how often it comes again later. */
function play(
  definition: Definition,
  messagesOf: (run: Run, index: number) => (RecordJobStarted | RecordJobFinished)[],
  next: () => { pick: number; again: number },
): Run {
  let state: RunState = runDecider.initial;
  const told = new Set<number>();
  const underWay: { message: RunCommand; again: number }[] = [];
  const send = (command: RunCommand) => {
    const decided = runDecider.decide(command, state);
    if (isRejection(decided)) throw new Error(decided.detail);
    for (const event of decided) state = runDecider.evolve(state, event);
    // What is queued now becomes a job, of which one will hear.
    const run = state as Run;
    for (const [index, { status }] of run.steps.entries()) {
      if (status !== 'QUEUED' || told.has(index)) continue;
      told.add(index);
      for (const message of messagesOf(run, index)) underWay.push({ message, again: next().again });
    }
  };
  send(start(definition));
  while (underWay.length) {
    const at = next().pick % underWay.length;
    const one = underWay[at]!;
    if (one.again-- <= 0) underWay.splice(at, 1);
    send(one.message);
  }
  return state as Run;
}

/** Not the attempts and the agents: a start that comes after the end is not recorded. */
function fateOf({ status, steps }: Run) {
  return { status, steps: steps.map(({ status, exit_code, outputs }) => ({ status, exit_code, outputs })) };
}

function expectNeedsOver(run: Run, stepId: string): void {
  const { step } = run.plan.instances[run.plan.indexOf.get(stepId)!]!;
  for (const need of run.definition.steps[step]!.needs) {
    for (const index of run.plan.instancesOf[run.plan.graph.indexOf.get(need)!]!)
      expect(isOver(run.steps[index]!)).toBe(true);
  }
}
