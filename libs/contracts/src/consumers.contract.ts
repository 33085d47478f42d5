/**
 * The durable consumers of a service, for who operates it: how far they are, and the events that they gave up. Every
 * service answers for its own; events of all organisations are meant.
 */
import { request } from './request.js';

/** JetStream stream of the events that consumers gave up: `parked.<durable>.<event id>`. */
export const PARKED_STREAM = 'PARKED';

export interface ConsumerView {
  /** `<service>-<process>`. */
  durable: string;
  /** Events that it has not been given yet. */
  pending: number;
  /** Given and not acknowledged: being handled, or waiting for the next try. */
  in_progress: number;
  parked: number;
}

/** What became of parked events that were handled once more. Those that failed stay parked. */
export interface ConsumerReplay {
  replayed: number;
  failed: { event_id: string; reason: string }[];
  /** How many are parked now. Those that were not tried yet: ask again. */
  parked: number;
}

/** How long a replay goes on before it answers, in milliseconds; one event may take as long again. */
export const REPLAY_MS = 15_000;

export function consumerRequests(service: string) {
  return {
    list: request<Record<string, never>, { consumers: ConsumerView[] }>(`qry.${service}.consumer.list`),
    /** Refused with `consumer_not_found`. */
    replay: request<{ durable: string }, ConsumerReplay>(`cmd.${service}.consumer.replay`, 2 * REPLAY_MS),
  };
}

/** `pipelines` of `pipelines-jobs`. */
export function serviceOfDurable(durable: string): string {
  return durable.split('-')[0]!;
}
