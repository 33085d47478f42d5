/** A machine that tests share may stand still for seconds: what is seen then says nothing of what is tested. */

/** Between two looks. */
const TICK_MS = 20;
/** Of the time between two looks that comes late, so much counts: the rest is the machine's. */
const AWAKE_MS = 5 * TICK_MS;
const ROUNDS = 5;

interface Watch {
  /** Milliseconds in which this process had its turn. */
  awake(): number;
  /** The longest in which it had none, or what it waits for had none. */
  longest(): number;
  stop(): void;
}

/** @param probes Each asks another process for something small: that one may be the one that stands still. */
function watch(probes: (() => Promise<unknown>)[] = []): Watch {
  let awake = 0;
  let longest = 0;
  let last = performance.now();
  let over = false;
  const look = () => {
    const now = performance.now();
    const passed = now - last;
    last = now;
    awake += Math.min(passed, AWAKE_MS);
    longest = Math.max(longest, passed);
  };
  const timer = setInterval(look, TICK_MS);
  const probing = async (probe: () => Promise<unknown>) => {
    while (!over) {
      const asked = performance.now();
      await probe().catch(() => undefined);
      longest = Math.max(longest, performance.now() - asked);
      await new Promise((wake) => setTimeout(wake, TICK_MS));
    }
  };
  for (const probe of probes) void probing(probe);
  return {
    awake: () => (look(), awake),
    longest: () => (look(), longest),
    stop: () => {
      over = true;
      clearInterval(timer);
    },
  };
}

/**
 * Milliseconds that `work` took, without those in which the machine stood still: to tell what is at once from what waits
 * for a time limit.
 */
export async function awakeMs(work: () => Promise<unknown>): Promise<number> {
  const watched = watch();
  try {
    await work();
    return watched.awake();
  } finally {
    watched.stop();
  }
}

/** Milliseconds in which the machine stood still during `work`: so much later than promised may come what waits for a time limit. */
export async function stalledMs(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  const awake = await awakeMs(work);
  return Math.max(0, performance.now() - begun - awake);
}

/** Milliseconds of the processor that `work` takes, which waits for nothing: whatever others do meanwhile. */
export function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * Runs `work`, and anew where it failed while the machine stood still for longer than `ms`: for what must hold as long as
 * somebody is heard of within a time limit, which is shorter than a test can be sure of. `work` begins anew each time.
 */
export async function unlessStalled<T>(
  ms: number,
  work: () => Promise<T>,
  probes?: (() => Promise<unknown>)[],
): Promise<T> {
  for (let round = 1; ; round++) {
    const watched = watch(probes);
    try {
      return await work();
    } catch (error) {
      if (watched.longest() < ms || round === ROUNDS) throw error;
    } finally {
      watched.stop();
    }
  }
}
