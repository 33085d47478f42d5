/** What one turn of the chain holds: one batch of one connection, and nothing else. Plain data: contexts copy it as JSON. */
import type { Delivery } from '@hybrid/contracts';
import type { Decision, Routes } from '@hybrid/net-zero';
import type { ReceivedMessage } from '@hybrid/user-queue';

export interface TurnConnection {
  id: string;
  org: string;
  name: string;
  version: number;
  routes: Routes;
}

/** A message that a relay of the connection signed. */
export interface Polled {
  message: ReceivedMessage;
  delivery: Delivery;
}

export interface Decided extends Polled {
  decisions: Decision[];
}

export interface Turn {
  connection: TurnConnection;
  polled?: Polled[];
  decided?: Decided[];
  /** The connection is paused, deleted or has other rules now: its messages were given back. */
  superseded?: boolean;
  /** Messages that were given back, as something else was away. */
  handed_back?: number;
}
