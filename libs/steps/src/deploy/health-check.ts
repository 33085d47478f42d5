/** Asks by HTTP until the answers say that a service is well, or is not. */
import { get } from 'node:http';
import { pause } from '../sandbox/backoff.js';
import type { HealthCheck } from './provider.js';

export interface Watched {
  url: string;
  check: HealthCheck;
  /** Why it can never become healthy, such as that its process has ended; nothing while it can. */
  gone(): Promise<string | undefined>;
  signal: AbortSignal;
}

/** Resolves with nothing when it is healthy, else with what was wrong last. */
export async function untilHealthy({ url, check, gone, signal }: Watched): Promise<string | undefined> {
  const started = performance.now();
  let answered = false;
  let good = 0;
  let bad = 0;
  for (;;) {
    const dead = await gone();
    if (dead !== undefined) return dead;
    const trouble = await ask(url, check.timeoutMs, signal);
    signal.throwIfAborted();
    if (trouble === undefined) {
      answered = true;
      bad = 0;
      good += 1;
      if (good >= check.healthyThreshold) return undefined;
    } else {
      // Until the first answer it may still be starting.
      if (answered || performance.now() - started >= check.startPeriodMs) bad += 1;
      good = 0;
      if (bad >= check.unhealthyThreshold)
        return `its health check failed${bad === 1 ? '' : ` ${bad} times in a row`}: GET ${check.path} ${trouble}`;
    }
    await pause(check.intervalMs, signal);
  }
}

/** Nothing for an answer from 200 to 399. */
function ask(url: string, timeoutMs: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const late = AbortSignal.timeout(timeoutMs);
    const request = get(url, { agent: false, signal: AbortSignal.any([signal, late]) }, (answer) => {
      const { statusCode = 0 } = answer;
      answer.destroy();
      resolve(statusCode >= 200 && statusCode < 400 ? undefined : `answered ${statusCode}`);
    });
    request.once('error', (error: NodeJS.ErrnoException) =>
      resolve(
        late.aborted
          ? `did not answer in ${timeoutMs / 1000} s`
          : `got no answer (${error.code ?? error.message})`,
      ),
    );
  });
}
