/**
 * A run in memory: the decider says what is to be done, as it does for the control plane; the jobs are done here, and
 * what became of them is told to the decider again, until the run is over.
 */
import { runDecider, viewOf, type RunCommand, type RunEvent, type RunState } from '@hybrid/pipeline';
import { StepStopped, type StepResult } from '@hybrid/steps';
import type { EnqueueJobCommand, RunView, StepReport, StepView } from '@hybrid/contracts';
import { CommandError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { isRunOver, runChanges } from '../watch/run-changes.js';
import type { RunAudience } from '../watch/run-watcher.js';
import { Deadlines } from './deadlines.js';
import type { AskGate } from './gates.js';
import { JobSlots } from './job-slots.js';
import { runJob, type JobListener, type JobTools } from './local-job.js';

/** What a step of some types tells beside its result. */
type Reported = StepResult & { report?: StepReport };
type StartRun = Extract<RunCommand, { type: 'StartRun' }>;

export interface LocalRunParts {
  tools: JobTools;
  audience: RunAudience;
  /** Jobs at a time. */
  slots: number;
  askGate: AskGate;
  /** Who decides gates. */
  person: string;
}

/** Whoever starts a run may not approve its gates; the person at this terminal may. */
const STARTED_BY = 'hybrid exec';

export class LocalRun {
  #state: RunState = runDecider.initial;
  #view: RunView | undefined;
  #steps = new Map<string, StepView>();
  readonly #slots: JobSlots;
  readonly #controls = new Map<string, AbortController>();
  readonly #running = new Map<string, Promise<void>>();
  /** Questions that are open, by the gate. */
  readonly #questions = new Map<string, AbortController>();
  readonly #deadlines = new Deadlines(() => this.#attempt({ type: 'PassDeadlines', now: now() }));
  readonly #stepOfJob = new Map<string, string>();
  #settle: { over: (run: RunView) => void; broken: (error: unknown) => void } | undefined;

  constructor(private readonly parts: LocalRunParts) {
    this.#slots = new JobSlots(parts.slots);
  }

  /** Resolves when the run is over and nothing of it is left running. Throws CommandError where it cannot begin. */
  async run(start: Omit<StartRun, 'type' | 'now' | 'started_by'>): Promise<RunView> {
    const { audience } = this.parts;
    const over = new Promise<RunView>((resolve, reject) => {
      this.#settle = { over: resolve, broken: reject };
    });
    over.catch(() => undefined);
    this.#tell({ type: 'StartRun', ...start, started_by: STARTED_BY, now: now() });
    this.#goOn();
    try {
      const run = await over;
      audience.ends(run);
      return run;
    } finally {
      this.#deadlines.clear();
    }
  }

  cancel(reason: string): void {
    if (!this.#view || isRunOver(this.#view)) return;
    this.#attempt({ type: 'CancelRun', reason, actor: this.parts.person, now: now() });
  }

  /** Ends every step without asking the decider, for when the run cannot go on; resolves when none is left. */
  async stopAll(): Promise<void> {
    for (const jobId of [...this.#controls.keys()]) this.#stop(jobId);
    for (const question of this.#questions.values()) question.abort();
    await Promise.allSettled(this.#running.values());
  }

  /** Tells what comes from outside of any job. */
  #attempt(command: RunCommand): void {
    try {
      this.#tell(command);
      this.#goOn();
    } catch (error) {
      this.#settle?.broken(error);
    }
  }

  /** Decides, and carries out what was decided. */
  #tell(command: RunCommand): void {
    const events = runDecider.decide(command, this.#state);
    if ('rejected' in events) throw new CommandError(events.detail, EXIT.failed);
    const queued = new Set(this.#stepOfJob.keys());
    this.#state = events.reduce(runDecider.evolve, this.#state);
    this.#show();
    for (const event of events) this.#act(event, queued);
    if (this.#state.status !== 'NONE') this.#deadlines.set(this.#state);
  }

  #act(event: RunEvent, queued: Set<string>): void {
    if (event.type === 'StepQueued' && !queued.has(event.data.job_id)) {
      this.#stepOfJob.set(event.data.job_id, event.data.step_id);
      this.#slots.add(event.data.job);
    } else if (event.type === 'StepCancelled' && event.data.job_id !== null) {
      this.#stop(event.data.job_id);
    } else if (event.type === 'GateOpened') {
      void this.#askGate(event.data.step_id);
    } else if ('step_id' in event.data) {
      // Cancelled or out of time: nobody needs to answer any more.
      if (this.#steps.get(event.data.step_id)?.status !== 'WAITING')
        this.#questions.get(event.data.step_id)?.abort();
    }
  }

  async #askGate(gate: string): Promise<void> {
    const { askGate, person } = this.parts;
    const question = new AbortController();
    this.#questions.set(gate, question);
    try {
      const answer = await askGate(gate, question.signal);
      if (question.signal.aborted) return;
      const by = { user_id: person, email: null };
      this.#attempt({ type: 'DecideGate', gate, person: by, ...answer, now: now() });
    } catch (error) {
      if (!question.signal.aborted) this.#settle?.broken(error);
    } finally {
      this.#questions.delete(gate);
    }
  }

  #stop(jobId: string): void {
    const control = this.#controls.get(jobId);
    if (control) control.abort(new StepStopped('lost', 'it was cancelled'));
    else this.#slots.remove(jobId);
  }

  #show(): void {
    if (this.#state.status === 'NONE') return;
    const before = this.#view;
    const view = (this.#view = viewOf(this.#state));
    this.#steps = new Map(view.steps.map((step) => [step.id, step]));
    if (!before) this.parts.audience.begins(view);
    for (const { kind, step } of runChanges(before, view)) {
      if (kind === 'step-started') this.parts.audience.stepStarted(step);
      else if (kind === 'step-ended') this.parts.audience.stepEnded(step);
    }
  }

  /** Begins what has a place, and ends the run when nothing is left to do. */
  #goOn(): void {
    for (let job = this.#slots.take(); job; job = this.#slots.take())
      this.#running.set(job.job_id, this.#runJob(job));
    if (this.#slots.idle && this.#view && isRunOver(this.#view)) this.#settle?.over(this.#view);
  }

  async #runJob(job: EnqueueJobCommand): Promise<void> {
    const control = new AbortController();
    this.#controls.set(job.job_id, control);
    try {
      const result = await runJob(job, this.parts.tools, this.#listenerOf(job), control.signal);
      this.#slots.remove(job.job_id);
      this.#tell(finished(job.job_id, result));
      this.#goOn();
    } catch (error) {
      this.#settle?.broken(error);
    } finally {
      this.#controls.delete(job.job_id);
      this.#running.delete(job.job_id);
    }
  }

  #listenerOf({ job_id }: EnqueueJobCommand): JobListener {
    return {
      attemptStarted: (attempt) =>
        this.#tell({ type: 'RecordJobStarted', job_id, agent_id: '', attempt, now: now() }),
      attemptFailed: (attempt, result) => this.#tell(attemptFailed(job_id, attempt, result)),
      line: (line) => this.parts.audience.logLine(this.#stepOf(job_id), line),
    };
  }

  #stepOf(jobId: string): StepView {
    return this.#steps.get(this.#stepOfJob.get(jobId)!)!;
  }
}

function attemptFailed(job_id: string, attempt: number, result: Reported): RunCommand {
  const { exitCode, errorMessage = null, report } = result;
  return {
    type: 'RecordAttemptFailed',
    job_id,
    attempt,
    exit_code: exitCode,
    message: errorMessage,
    failed_tests: report?.tests?.failures.map(({ name }) => name) ?? [],
    now: now(),
  };
}

function finished(job_id: string, result: StepResult | undefined): RunCommand {
  const given = { type: 'RecordJobFinished', job_id, now: now() } as const;
  if (!result)
    return { ...given, outcome: 'cancelled', exit_code: null, message: null, outputs: {}, artifacts: [] };
  const { exitCode, errorMessage, ...rest } = result;
  const outcome = exitCode === 0 ? 'succeeded' : 'failed';
  return { ...given, outcome, exit_code: exitCode, message: errorMessage ?? null, ...rest };
}

function now(): string {
  return new Date().toISOString();
}
