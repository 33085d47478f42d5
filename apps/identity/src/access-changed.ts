import { ACCESS_CHANGED_SUBJECT, type AccessChanged, type CallContext } from '@hybrid/contracts';
import { callHeaders } from '@hybrid/messaging';
import type { Connections } from '@hybrid/service';
import { Logger } from '@nestjs/common';

const logger = new Logger('access-changed');

/**
 * Tells the gateways, right after the append, to forget what they remember of `subject` (see AccessChanged). A hint: what
 * was decided stands whether they hear it or not, and without it they forget after seconds; so this never throws.
 */
export function accessChanged({ nats }: Pick<Connections, 'nats'>, subject: string, call: CallContext): void {
  const changed: AccessChanged = { subject };
  try {
    nats.publish(ACCESS_CHANGED_SUBJECT, JSON.stringify(changed), { headers: callHeaders(call) });
  } catch (error) {
    logger.warn(
      `gateways were not told that ${subject} changed: ${error instanceof Error ? error.message : 'unknown'}`,
    );
  }
}
