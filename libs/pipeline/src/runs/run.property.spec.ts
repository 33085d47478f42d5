import { describe, expect, it } from '@jest/globals';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { fold, isRejection } from '@hybrid/decider';
import type { Definition } from '../language/definition.js';
import { runDecider, type RecordJobFinished, type RecordJobStarted, type RunCommand } from './run.decider.js';
import type { RunEvent } from './run.events.js';
import { began, definitionOf, ended, shell, start } from './run.fixtures.js';
import { isOver, type Run, type RunState } from './run.state.js';

/** A step needs only earlier ones; some have a matrix, a condition, or may fail; some are gates. */
const definitions: fc.Arbitrary<Definition> = fc
  .array(
    fc.record({
      needs: fc.uniqueArray(fc.nat(20), { maxLength: 3 }),
      kind: fc.constantFrom('shell', 'shell', 'shell', 'gate', 'shut'),
      more: fc.constantFrom(
        '',
        '',
        '',
        'matrix: {m: [1, 2]},',
        'continue_on_error: true,',
        'if: always(),',
        'if: failure(),',
        `if: "branch == 'x'",`,
      ),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((steps) =>
    definitionOf(
      ...steps.map(({ needs, kind, more }, index) => {
        const names = needs.filter((need) => need < index).map((need) => `s${need}`);
        if (kind === 'shell') return shell(`s${index}`, names, more);
        return `name: s${index}, needs: [${names.join(', ')}], type: step.gate, config: {type: automatic, conditions: ["${kind === 'gate'}"]}`;
      }),
    ),
  );

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
      fc.property(definitions, choices, (definition, plan) => {
        const events: RunEvent[] = [];
        let state: RunState = runDecider.initial;
        const seen: (RecordJobStarted | RecordJobFinished)[] = [];
        const send = (command: RunCommand): number => {
          const before = state;
          const decided = runDecider.decide(command, state);
          if (isRejection(decided)) throw new Error(decided.detail);
          for (const event of decided) {
            state = runDecider.evolve(state, event);
            if (event.type === 'StepQueued') expectNeedsOver(state as Run, event.data.step_id);
          }
          expect(runDecider.decide(command, before)).toEqual(decided);
          events.push(...decided);
          return decided.length;
        };

        send(start(definition));
        for (let turn = 0; state.status === 'RUNNING'; turn++) {
          expect(turn).toBeLessThan(100);
          const { pick, outcome, starts, repeats } = plan[turn % plan.length]!;
          const run = state;
          const open = run.plan.instances.filter(
            (_, index) => run.steps[index]!.status !== 'PENDING' && !isOver(run.steps[index]!),
          );
          const { id } = open[pick % open.length]!;
          for (let attempt = 1; attempt <= starts; attempt++) {
            seen.push(began(id, attempt));
            send(began(id, attempt));
          }
          seen.push(ended(id, outcome));
          send(ended(id, outcome));
          for (let again = 0; again < repeats; again++)
            expect(send(seen[(pick + again) % seen.length]!)).toBe(0);
        }

        const final = state as unknown as Run;
        expect(final.steps.every(isOver)).toBe(true);
        expect(events.filter(({ type }) => ENDINGS.includes(type))).toEqual([events.at(-1)]);
        expect(fold(runDecider, events)).toEqual(final);
        for (const late of seen) expect(send(late)).toBe(0);
      }),
      { ...seed, numRuns: 200 },
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
      { ...seed, numRuns: 300 },
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
