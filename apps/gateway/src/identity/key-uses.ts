/** Which API keys were used, and when: told to the identity service together, so that a request costs nothing for it. */
import { DEFAULT_ORG, identityRequests, serviceCall } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';

interface Use {
  key_id: string;
  org: string;
  at: string;
}

const SEND_MS = 60_000;
/** Of one message, which holds 1 MiB at most. */
const MAX_USES = 2_000;

@Injectable()
export class KeyUses implements BeforeApplicationShutdown {
  private readonly logger = new Logger(KeyUses.name);
  /** The last use of each since they were sent. */
  private noted = new Map<string, Use>();
  private timer?: NodeJS.Timeout;
  private closed = false;

  constructor(private readonly connections: Connections) {}

  note(key_id: string, org: string): void {
    this.noted.set(key_id, { key_id, org, at: new Date().toISOString() });
    if (!this.closed) this.timer ??= setTimeout(() => void this.send(), SEND_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closed = true;
    await this.send();
  }

  /** What cannot be told is not kept: a key that is still used is noted again. */
  private async send(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const uses = [...this.noted.values()];
    this.noted = new Map();
    try {
      for (let from = 0; from < uses.length; from += MAX_USES)
        await this.connections.requests.send(
          identityRequests.keysUsed,
          { keys: uses.slice(from, from + MAX_USES) },
          serviceCall('gateway', DEFAULT_ORG, ''),
        );
    } catch (error) {
      this.logger.warn(
        `when ${uses.length} API keys were used last is not written down: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
