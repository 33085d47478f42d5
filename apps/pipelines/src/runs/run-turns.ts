/** Commands of one run, one after the other within this process, from the state that the one before left. */
import type { CallContext } from '@hybrid/contracts';
import type { Handled, Thing, Things } from '@hybrid/event-store';
import type { RunCommand, RunEvent, RunState } from '@hybrid/pipeline';

/** Runs whose state is kept: those at work, generously. The one that was used last stands last. */
const MAX_KNOWN = 200;

/**
 * The ends of hundreds of jobs come at once. Side by side, each would read the run's whole stream and lose against all
 * others. Other replicas do the same: what is known may be stale, which costs a conflict and never a wrong answer.
 */
export class RunTurns {
  private readonly known = new Map<string, Thing<RunState>>();
  /** The last one that was asked for of each run; never fails. */
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(private readonly things: Things<RunState, RunCommand, RunEvent>) {}

  /** @param first what the run is where nothing is known of it here; read unless told. */
  async handle(
    runId: string,
    command: RunCommand,
    call: CallContext,
    first?: Thing<RunState>,
  ): Promise<Handled<RunState, RunEvent>> {
    const key = `${call.org}\n${runId}`;
    const before = this.underWay.get(key);
    const turn = (async () => {
      await before;
      const handled = await this.things.handle(runId, command, call, this.known.get(key) ?? first);
      this.remember(key, { state: handled.state, revision: handled.revision });
      return handled;
    })();
    const ended = turn.then(nothing, () => void this.known.delete(key));
    this.underWay.set(key, ended);
    try {
      return await turn;
    } finally {
      if (this.underWay.get(key) === ended) this.underWay.delete(key);
    }
  }

  private remember(key: string, run: Thing<RunState>): void {
    this.known.delete(key);
    this.known.set(key, run);
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
  }
}

function nothing(): void {}
