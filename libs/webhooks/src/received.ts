/** What a webhook becomes. */
import type { Delivery } from '@hybrid/contracts';

/** What the tool's configuration leaves of it; `part` as in Delivery. */
export type ReducedEvent = Pick<Delivery, 'part' | 'kind' | 'event' | 'action' | 'delivery' | 'metadata'>;

export interface WebhookRequest {
  /** Names in small letters, as Node has them. */
  headers: Record<string, string | string[] | undefined>;
  /** The bytes as they came. */
  body: Buffer;
}

/** Never tells what the webhook holds. Whoever sent one with 401 should not hear more than that. */
export interface WebhookRefusal {
  status: 400 | 401 | 413 | 415 | 422;
  code:
    | 'unsigned'
    | 'bad_signature'
    | 'stale'
    | 'bad_header'
    | 'too_large'
    | 'wrong_content_type'
    | 'not_json'
    | 'too_complex'
    | 'no_delivery';
  /** What is wrong and how to mend it, by names of headers and fields. */
  detail: string;
}

export type Received =
  | {
      /** None: a ping, or an event that the configuration does not name. Mostly one; several where several refs moved. */
      events: ReducedEvent[];
      /** Fields that were there and did not fit: `metadata.branch`. Names only. */
      leftOut: string[];
      /** Why there are no events; null where there are. */
      ignored: string | null;
      refusal?: never;
    }
  | { refusal: WebhookRefusal; events?: never };
