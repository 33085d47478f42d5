/** Says every few seconds that the agent lives and which jobs it vouches for; hears what the control plane makes of that. */
import type { HeartbeatAnswer, Heartbeat, RunningJob } from '@hybrid/contracts';
import { pause } from '@hybrid/steps';
import { GatewayAway, GatewayRefusal, type GatewayClient } from './gateway-client.js';
import { MachineLoadMeter } from './machine-load.js';
import type { Notify } from './notices.js';

/** Seconds until the first reply names another interval. */
const HEARTBEAT_SECONDS = 5;
/** Intervals without an accepted heartbeat after which the agent is not ready. */
const MISSED_MAX = 3;

export interface HeartbeatsOptions {
  gateway: GatewayClient;
  agentId: string;
  /** Folder on the disk that is watched. */
  dataPath: string;
  running(): RunningJob[];
  completed(): number;
  /** Bytes that are free on that disk; before each heartbeat. */
  disk(freeBytes: number): void;
  /** `reported`: the jobs that the heartbeat named. */
  accepted(reply: HeartbeatAnswer, reported: RunningJob[]): void;
  /** The gateway does not know the agent's credential. */
  refused(refusal: GatewayRefusal): void;
  notify: Notify;
}

export class Heartbeats {
  #seconds = HEARTBEAT_SECONDS;
  #lastAccepted: number | null = null;

  constructor(private readonly options: HeartbeatsOptions) {}

  /** The last heartbeats were accepted. */
  get fresh(): boolean {
    if (this.#lastAccepted === null) return false;
    return performance.now() - this.#lastAccepted <= MISSED_MAX * this.#seconds * 1000;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { dataPath, refused, notify } = this.options;
    const meter = new MachineLoadMeter(dataPath);
    while (!signal.aborted) {
      try {
        await this.#beat(meter, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof GatewayRefusal && error.status === 401) return refused(error);
        if (error instanceof GatewayRefusal) notify(`the heartbeat was refused: ${error.message}`);
        else if (!(error instanceof GatewayAway)) throw error;
      }
      await pause(this.#seconds * 1000, signal).catch(() => undefined);
    }
  }

  async #beat(meter: MachineLoadMeter, signal: AbortSignal): Promise<void> {
    const { gateway, agentId, running, completed, disk, accepted } = this.options;
    const { disk_free_bytes, ...load } = await meter.read();
    disk(disk_free_bytes);
    const reported = running();
    const json: Heartbeat = {
      ...load,
      jobs_queued: 0,
      jobs_completed: completed(),
      uptime_seconds: Math.round(process.uptime()),
      running: reported,
    };
    const reply = await gateway.call<HeartbeatAnswer>({
      method: 'POST',
      path: `/api/agents/${encodeURIComponent(agentId)}/heartbeat`,
      json,
      signal,
    });
    this.#lastAccepted = performance.now();
    this.#seconds = reply.next_check_interval;
    accepted(reply, reported);
  }
}
