/** Finds out why steps wait that no agent takes: a wrong word in `pool` or `labels` is silence otherwise. */
import type { JobExplanation, StepView, WaitReason } from '@hybrid/contracts';

/** Milliseconds for which a queued step is let wait before it is asked after, and before it is asked after again. */
const FIRST_MS = 4_000;
const AGAIN_MS = 30_000;
/** Asked at one look: hundreds of steps may wait for the same reason. */
const MOST_AT_ONCE = 3;

/** What does not end by itself, or only when somebody else's job does. */
const WORTH_TELLING: readonly WaitReason['code'][] = [
  'pool_paused',
  'no_agent_in_pool',
  'no_agent_fits',
  'agents_unavailable',
  'group_full',
];

export class LongWaits {
  /** When a job is asked after next. */
  readonly #due = new Map<string, number>();
  readonly #told = new Set<string>();

  constructor(
    private readonly explain: (jobId: string) => Promise<Pick<JobExplanation, 'reasons'>>,
    /** Once for each reason, with one of the steps that wait for it. */
    private readonly tell: (step: StepView, reason: WaitReason) => void,
  ) {}

  /** Never rejects: a control plane that does not know is no reason to say anything. */
  async look(steps: StepView[]): Promise<void> {
    const now = performance.now();
    const queued = steps.filter(({ status, job_id }) => status === 'QUEUED' && job_id !== null);
    for (const { job_id } of queued) if (!this.#due.has(job_id!)) this.#due.set(job_id!, now + FIRST_MS);
    const due = queued.filter(({ job_id }) => this.#due.get(job_id!)! <= now).slice(0, MOST_AT_ONCE);
    for (const { job_id } of due) this.#due.set(job_id!, now + AGAIN_MS);
    await Promise.all(due.map((step) => this.#ask(step).catch(() => undefined)));
  }

  async #ask(step: StepView): Promise<void> {
    const { reasons } = await this.explain(step.job_id!);
    const reason = reasons.find(({ code }) => WORTH_TELLING.includes(code));
    if (!reason || this.#told.has(reason.detail)) return;
    this.#told.add(reason.detail);
    this.tell(step, reason);
  }
}
