/** Reads a child's output as fast as it is taken, and no faster. */
import type { Readable } from 'node:stream';
import { pause } from './backoff.js';
import type { OutputSink } from './executor.js';

/** Milliseconds of silence after the end of the script, past which a pipe that someone still holds open is closed. */
const SILENCE_MS = 3_000;

/** Starts reading; `finish` resolves when both streams have ended, or when nothing more can be expected of them. */
export function drainOutput(
  streams: { stdout: Readable; stderr: Readable },
  sink: OutputSink,
): { finish(): Promise<void> } {
  let busy = 0;
  let lastHeard = performance.now();
  let open = true;
  const read = async (name: 'stdout' | 'stderr'): Promise<void> => {
    try {
      for await (const chunk of streams[name] as AsyncIterable<Buffer>) {
        busy++;
        await sink(name, chunk);
        busy--;
        lastHeard = performance.now();
      }
    } catch (error) {
      // Closed by `finish`: a process that left the group kept the pipe.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    }
  };
  const all = Promise.all([read('stdout'), read('stderr')]).finally(() => (open = false));
  all.catch(() => undefined);
  return {
    async finish() {
      lastHeard = performance.now();
      while (open) {
        if (busy === 0 && performance.now() - lastHeard > SILENCE_MS) {
          streams.stdout.destroy();
          streams.stderr.destroy();
        }
        await Promise.race([all, pause(100)]);
      }
      await all;
    },
  };
}
