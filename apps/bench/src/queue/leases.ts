import type { Claimed, QueueClient } from './clients.js';

/** As agents do: every five seconds. */
const HEARTBEAT_MS = 5_000;

/** The claimed jobs of one run, whose leases are kept as agents keep them: ours end after 30 s without a sign of life. */
export class Leases {
  /** Claims that were answered with no job, and asked again. */
  empty = 0;
  private readonly jobs = new Map<string, Claimed>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly client: QueueClient) {
    this.timer = setInterval(() => void this.renew(), HEARTBEAT_MS);
  }

  held(): Claimed[] {
    return [...this.jobs.values()];
  }

  readonly claim = async (turn: number): Promise<Claimed> => {
    for (;;) {
      const claimed = await this.client.claim(turn);
      if (claimed) {
        this.jobs.set(claimed.id, claimed);
        return claimed;
      }
      this.empty++;
    }
  };

  async complete(claimed: Claimed): Promise<void> {
    this.jobs.delete(claimed.id);
    await this.client.complete(claimed);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async renew(): Promise<void> {
    if (!this.client.heartbeat) return;
    const byAgent = new Map<number, Claimed[]>();
    for (const claimed of this.jobs.values()) {
      const agent = this.client.agentOf(claimed.turn);
      byAgent.set(agent, [...(byAgent.get(agent) ?? []), claimed]);
    }
    const beats = [...byAgent].map(([agent, claimed]) =>
      this.client.heartbeat!(
        agent,
        claimed.map(({ id, attempt }) => ({ job_id: id, attempt })),
      ),
    );
    // A lease that is lost for want of a heartbeat shows when its job is completed.
    await Promise.allSettled(beats);
  }
}
