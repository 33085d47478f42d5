/** Many times what a quiet machine takes, so that a busy one fails nothing; only a red test waits so long. */
const TIMEOUT_MS = 60_000;

/**
 * Runs `check` until it stops throwing; answers what it answered.
 * Fails after `timeoutMs` with the last failure, so that the report shows the last value seen.
 */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 200)) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise((wake) => setTimeout(wake, pause));
  }
}
