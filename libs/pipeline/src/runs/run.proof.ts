/** What somebody who distrusts the control plane is shown of a run, and the job that must follow from it. */
import type { EnqueueJobCommand } from '@hybrid/contracts';
import type { Definition, GateStep, StepDefinition } from '../language/definition.js';
import type { StepInstance } from '../language/expand.js';
import { ancestorsOf } from '../language/graph.js';
import { referencesIn, render } from '../language/template.js';
import type { RunEvent, RunStarted, StepQueued } from './run.events.js';
import { jobIdOf, jobOf } from './run.job.js';
import { judge } from './run.judgement.js';
import { evolve, type Run, type RunState } from './run.state.js';
import { instanceValues } from './run.values.js';

/** The run's events, without what the text of the pipeline says: its definition, and the jobs that follow from that. */
export type ProofEvent =
  | { type: 'RunStarted'; data: Omit<RunStarted['data'], 'definition'> }
  | { type: 'StepQueued'; data: Omit<StepQueued['data'], 'job'> }
  | Exclude<RunEvent, { type: 'RunStarted' | 'StepQueued' | 'StepsAppended' }>;

/** What the run knew when it queued the job; null where it never did. */
export function proofOf(history: readonly RunEvent[], jobId: string): ProofEvent[] | null {
  const end = history.findIndex((event) => event.type === 'StepQueued' && event.data.job_id === jobId);
  return end < 0 ? null : history.slice(0, end).flatMap(shown);
}

function shown(event: RunEvent): ProofEvent[] {
  switch (event.type) {
    case 'RunStarted': {
      const { definition: _, ...data } = event.data;
      return [{ type: event.type, data }];
    }
    case 'StepQueued': {
      const { job: _, ...data } = event.data;
      return [{ type: event.type, data }];
    }
    case 'StepSucceeded':
    case 'StepFailed':
    case 'StepReused': {
      const { report: _, ...data } = event.data;
      return [{ ...event, data: { ...data, ...counted(event.data) } } as ProofEvent];
    }
    case 'StepsAppended':
    case 'StepStarted':
    case 'StepAttemptFailed':
      return [];
    default:
      return [event];
  }
}

/** Of a report, the figures that conditions look at. */
function counted({ report }: { report?: { scan?: unknown; tests?: unknown } }): { report?: object } {
  if (!report?.scan && !report?.tests) return {};
  const { scan, tests } = report as { scan?: { findings?: unknown[] }; tests?: object };
  return {
    report: {
      ...(scan && { scan: { ...scan, findings: [] } }),
      ...(tests && { tests: { ...tests, failures: [], flaky_tests: [] } }),
    },
  };
}

export interface ProvenJob {
  job: EnqueueJobCommand;
  step: StepDefinition;
  /** True, or why the step does not run by what the run tells. */
  verdict: true | string;
  /** What the run brought into templates of the step: by reference, such as `{{.Inputs.version}}`. */
  brought: { reference: string; value: string }[];
  /** Ids of the instances of manual gates that the step needs, directly or not; how many people must approve each. */
  gates: { id: string; required: number }[];
}

/**
 * The job that follows from a definition and what a run is said to have done. Null where no step of the definition has
 * the job. The events come from whoever is not trusted: what is wrong with them is thrown, as whatever error it leads to.
 */
export function provenJob(
  definition: Definition,
  events: readonly ProofEvent[],
  jobId: string,
): ProvenJob | null {
  const run = foldOf(definition, events);
  const instance = run.plan.instances.find(({ id }) => jobIdOf(run.run_id, id) === jobId);
  const step = definition.steps[instance?.step ?? -1];
  if (!instance || !step) return null;
  return {
    job: jobOf(run, instance),
    step,
    verdict: judge(run, instance.step, instance.matrix),
    brought: broughtInto(run, instance, step),
    gates: gatesBefore(run, instance),
  };
}

function foldOf(definition: Definition, events: readonly ProofEvent[]): Run {
  let state: RunState = { status: 'NONE' };
  for (const event of events) state = evolve(state, completed(definition, event, state));
  if (state.status === 'NONE') throw new Error('it does not begin with the start of the run');
  return state;
}

/** As the run has it: of a definition that is not the control plane's. */
function completed(definition: Definition, event: ProofEvent, state: RunState): RunEvent {
  if (event.type === 'RunStarted') {
    const { appended: _, ...data } = event.data;
    return { type: event.type, data: { ...data, definition } };
  }
  if (event.type !== 'StepQueued' && event.type !== 'StepReused') return event;
  const run = state as Run;
  const instance = run.plan.instances[run.plan.indexOf.get(event.data.step_id) ?? -1];
  const pulls = instance && definition.steps[instance.step]!.type === 'step.artifact_pull';
  if (event.type === 'StepQueued') {
    // Only those of pulls mean anything to the jobs behind them.
    const job = pulls ? jobOf(run, instance) : ({ spec: { step: { type: '' } } } as EnqueueJobCommand);
    return { type: event.type, data: { ...event.data, job } };
  }
  if (!pulls || !event.data.pulled) return { ...event, data: { ...event.data, pulled: null } };
  const { key, dest } = jobOf(run, instance).spec.step.config as { key: string; dest: string };
  const { execution_id } = event.data.pulled;
  return { ...event, data: { ...event.data, pulled: { execution_id, key, dest } } };
}

/** Those of the definition itself, and its secrets, the run does not bring. */
const OWN_ROOTS = ['Matrix', 'Secrets', 'Env'];

function broughtInto(run: Run, instance: StepInstance, step: StepDefinition): ProvenJob['brought'] {
  const { config, env, services, caches, test_reports } = step;
  const pushes = (run.plan.pushesFrom.get(instance.step) ?? []).map(
    (push) => run.definition.steps[push]!.config,
  );
  const texts = textsIn([run.definition.env, config, env, services, caches, test_reports, pushes]);
  const values = instanceValues(run, instance);
  const found = new Map<string, string>();
  for (const { path, source } of texts.flatMap(referencesIn)) {
    if (OWN_ROOTS.includes(path[0]!) || found.has(source)) continue;
    found.set(source, render(source, values));
  }
  return [...found].map(([reference, value]) => ({ reference, value }));
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}

function gatesBefore(run: Run, instance: StepInstance): ProvenJob['gates'] {
  return ancestorsOf(run.plan.graph, instance.step).flatMap((index) => {
    const gate = run.definition.steps[index]!;
    if (gate.type !== 'step.gate' || gate.config.type !== 'manual') return [];
    const { required } = gate.config as GateStep['config'] & { required: number };
    return run.plan.instancesOf[index]!.map((of) => ({ id: run.plan.instances[of]!.id, required }));
  });
}
