/**
 * The customer's `net-zero` configuration: one versioned file that says where webhooks come from, over which queue their
 * metadata goes, and what runs because of them. It holds names and references, never a secret.
 */
import type { Tool } from '@hybrid/contracts';
import type { QueueConfig } from '@hybrid/user-queue';

export interface NetZero {
  /** Of the format. */
  version: 1;
  /** Of the connection, unique within the organisation. */
  name: string;
  /** For people, and `{{environment}}`-free: one file is for one environment. */
  environment: string;
  queue: QueueConfig;
  /** Where messages about decisions go, if anywhere. */
  decisions?: QueueConfig;
  /** How each side proves itself to the queue. */
  credentials?: { relay?: SecretReference; control_plane?: { name: string } };
  vault?: VaultReference;
  /** Stays on the customer's side: `hybrid config apply` leaves it out. */
  relay?: RelayConfig;
  routes: Routes;
}

/** Where the customer's side finds a secret. */
export type SecretReference = { env: string } | { file: string } | { vault: string };

/** Where secrets are, for people and the customer's side to know; the control plane never goes there. */
export interface VaultReference {
  kind: 'hashicorp' | 'aws_secrets_manager' | 'azure_key_vault' | 'gcp_secret_manager' | 'file';
  /** Address, region, vault name or project, as the kind has it. */
  address: string;
  path?: string;
}

export interface RelayConfig {
  /** host:port; 127.0.0.1:8085 unless told. */
  listen?: string;
  /** Spool, ledger of deliveries, the relay's own key. */
  data: string;
  control_plane?: {
    url: string;
    join_token?: SecretReference;
    oauth2?: {
      token_url: string;
      client_id: string;
      client_secret: SecretReference;
      scope?: string;
      audience?: string;
    };
  };
  /** Lets secrets and deliveries go to other machines without TLS; false unless told. */
  allow_plain_text?: boolean;
  /** What digests are keyed with. */
  digest_key: { id: string; key: SecretReference };
  /** Folder of the tools' configurations; those that come with the relay unless told. */
  tools?: string;
  sources: SourceConfig[];
}

/** Webhooks of one host, at `/webhooks/<name>`. */
export interface SourceConfig {
  name: string;
  tool: Tool;
  /** Several while one is being replaced. */
  secrets: SecretReference[];
}

export interface Routes {
  /** `first` unless told: the first rule that fits decides; `all`: each that fits does its part. */
  match?: 'first' | 'all';
  rules: RouteRule[];
  /** Where no rule fits; `triggers` unless told. */
  default?: RouteAction;
}

export interface RouteRule {
  /** Unique; stands in each decision. */
  name: string;
  when: RouteCondition;
  then: RouteAction;
}

/** All that is written must hold. Patterns are globs as in pipelines: a leading `!` takes back. */
export interface RouteCondition {
  source?: string[];
  tool?: Tool[];
  kind?: string[];
  event?: string[];
  action?: string[];
  repository?: string[];
  branch?: string[];
  tag?: string[];
  base_branch?: string[];
  /** One of the changed files. */
  paths?: string[];
  author?: string[];
  /** One of them. */
  labels?: string[];
  fork?: boolean;
  /** CEL over the delivery: `metadata.branch.startsWith("release/") && tool == "github"`. */
  if?: string;
}

export type RouteAction =
  | { do: 'ignore' }
  /** Whatever pipelines say under `on` of this repository. */
  | { do: 'triggers' }
  /** Inputs are texts, with `{{metadata.branch}}` and the like. */
  | { do: 'run'; pipeline: string; pool?: string; inputs?: Record<string, string> }
  /** To the customer's queue of decisions. */
  | { do: 'send'; message?: Record<string, string> };
