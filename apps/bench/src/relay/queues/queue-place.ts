/** A customer's queue on this machine: its server, and who may do what there. */
import type { QueueConfig } from '@hybrid/user-queue';

export interface QueuePlace {
  queue: QueueConfig;
  /** Of the relay, and of the control plane; nothing where the queue has none. */
  writer?: string;
  reader?: string;
  /** Of its server; nothing where there is none. */
  pid?: number;
  /** As in an outage, and back as it was. */
  away(): Promise<unknown>;
  back(): Promise<unknown>;
}
