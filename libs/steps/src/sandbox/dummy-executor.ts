/** Runs nothing and ends as the environment of the step says: for tests of all that lies around steps. */
import { pause } from './backoff.js';
import type { Executor, FinishedScript, OutputSink, Script } from './executor.js';

/** `HYBRID_DUMMY_EXIT`: exit code. `_SECONDS`: it takes so long. `_LOG`: text on stdout. `_OUTPUT`: lines `key=value`. */
export class DummyExecutor implements Executor {
  readonly name = 'dummy';

  async run(
    { env }: Script,
    sink: OutputSink,
    log: (text: string) => void,
    signal: AbortSignal,
  ): Promise<FinishedScript> {
    log('nothing is run (dummy executor)');
    await pause(Number(env['HYBRID_DUMMY_SECONDS'] ?? 0) * 1000, signal);
    if (env['HYBRID_DUMMY_LOG']) await sink('stdout', Buffer.from(`${env['HYBRID_DUMMY_LOG']}\n`));
    return {
      exitCode: Number(env['HYBRID_DUMMY_EXIT'] ?? 0),
      collect: async () => undefined,
      outputs: async () => env['HYBRID_DUMMY_OUTPUT'] ?? '',
      ownFile: async () => '',
      dispose: async () => {},
    };
  }

  async sweep(): Promise<number> {
    return 0;
  }
}
