import { GRACE_MS, pause } from '@hybrid/steps';
/** The end of an agent that is stopped, within a bounded time: finish, hand back, tell, leave the rest on disk. */

/** Milliseconds beyond the grace that processes and containers may take to be gone. */
const GONE_MS = 3_000;
/** Milliseconds for the last words to reach the gateway. What does not is on disk. */
const FAREWELL_MS = 5_000;
/** Milliseconds for broken-off deliveries to settle. */
const LEAVE_MS = 1_000;

export interface Stoppable {
  /** Nothing of it runs any more; its outcome is on disk. */
  ended: Promise<void>;
  /** The gateway has the outcome, or it was dropped or left. */
  delivered: Promise<void>;
  handBack(): void;
  leave(): void;
}

/** Answers how many outcomes the gateway has not heard of. Takes `finishMs` and 19 s at most. */
export async function drain(attempts: Stoppable[], finishMs: number): Promise<number> {
  const ended = Promise.all(attempts.map((attempt) => attempt.ended));
  if (finishMs > 0) await within(finishMs, ended);
  for (const attempt of attempts) attempt.handBack();
  await within(GRACE_MS + GONE_MS, ended);
  let waiting = attempts.length;
  const delivered = Promise.all(
    attempts.map(async (attempt) => {
      await attempt.delivered;
      waiting--;
    }),
  );
  await within(FAREWELL_MS, delivered);
  const left = waiting;
  for (const attempt of attempts) attempt.leave();
  await within(LEAVE_MS, delivered);
  return left;
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([work, pause(ms, over.signal)]);
  } finally {
    over.abort();
  }
}
