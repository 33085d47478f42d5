/**
 * Runs `check` until it stops throwing; answers what it answered.
 * Fails after `timeoutMs` with the last failure, so that the report shows the last value seen.
 */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = 10_000): Promise<T> {
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
