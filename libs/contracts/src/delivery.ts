/**
 * A delivery: all that ever crosses the boundary of a webhook. A relay makes it on the customer's side, signs it and puts
 * it on the customer's queue; the control plane reads it from there. Closed: what is not named here is refused.
 */

/** Git hosts, the standard of https://www.standardwebhooks.com, and whoever signs with a shared secret. */
export const TOOLS = ['github', 'gitlab', 'bitbucket', 'gitea', 'standard', 'hmac'] as const;
export type Tool = (typeof TOOLS)[number];

/** What happened, in one word for all hosts; `other`: only rules that ask for it do something with it. */
export const DELIVERY_KINDS = ['push', 'tag', 'pull_request', 'other'] as const;
export type DeliveryKind = (typeof DELIVERY_KINDS)[number];

/** Of the signed text, as it stands on the queue: below what the smallest queue takes (Azure's, 64 KiB). */
export const DELIVERY_MAX_BYTES = 48 * 1024;

export interface Delivery {
  v: 1;
  /**
   * UUID: of the source's name, the keyed digest and `part`. The same bytes from the same source always have the same.
   */
  id: string;
  /** Of a webhook that tells of several branches and tags (Bitbucket's do): the second has 1, the third 2. */
  part?: number;
  /** Who made it: the id that the relay was registered with. */
  relay_id: string;
  /** Name of the source in the relay's configuration. */
  source: string;
  tool: Tool;
  kind: DeliveryKind;
  /** As the host names it: `pull_request`, `Push Hook`, `repo:push`. */
  event: string;
  /** `opened`; null where the host names none. */
  action: string | null;
  /** The host's own id of the delivery. */
  delivery: string | null;
  /** RFC 3339 UTC. */
  received_at: string;
  payload: PayloadDigest;
  metadata: DeliveryMetadata;
}

/** Of the webhook's raw body. Its bare SHA-256 stays with the relay: a guessable payload can be found by trial. */
export interface PayloadDigest {
  bytes: number;
  /** HMAC-SHA-256 with the customer's key, in hex. */
  keyed_sha256: string;
  /** Which of the customer's keys: a name, no secret. */
  key_id: string;
}

/** What the configuration of the tool names of the payload, and nothing else. */
export interface DeliveryMetadata {
  /** `owner/name`, or with more levels. */
  repository?: string;
  /** https or ssh, without user and password. */
  clone_url?: string;
  branch?: string;
  tag?: string;
  commit?: string;
  /** The commit before. */
  before?: string;
  /** The branch or tag is gone. */
  deleted?: boolean;
  pull_request?: number;
  base_branch?: string;
  /** Of a pull request: where its commits are. */
  head_repository?: string;
  /** The commits come from another repository than the one they are meant for. */
  fork?: boolean;
  /** Login of whoever did it. */
  author?: string;
  labels?: string[];
  /** Changed files, at most 300. */
  paths?: string[];
  /** False: there are more, or the host does not tell all; conditions on paths are then met. */
  paths_complete?: boolean;
  /** The customer's own, of generic webhooks: at most 20 short texts. */
  attributes?: Record<string, string>;
}
