/**
 * The configuration of a tool: `config/webhooks/tools/<tool>.yaml`. It says what of a host's webhooks may pass, and
 * nothing that it does not name does.
 */
import type { DeliveryKind, Tool } from '@hybrid/contracts';

/** JSON Pointer (RFC 6901); `*` stands for every item of a list; with a leading dot it begins at the item of `each`. */
export type Pointer = string;

export type Scalar = string | number | boolean;

/** Of several places the first counts that holds anything. */
export type TextSource =
  | Pointer
  | Pointer[]
  | {
      from?: Pointer | Pointer[];
      header?: string | string[];
      /** Texts at these places, with slashes between them. */
      join?: Pointer[];
      /** What the text must begin with, and is taken away. */
      strip?: string;
      lower?: boolean;
      /** Where none of the places holds anything. */
      otherwise?: string;
    };

/** One look at the payload: a place, or the number of items there, and what must be true of it. */
export interface Test {
  at?: Pointer | Pointer[];
  count?: Pointer;
  is?: Scalar | Scalar[];
  begins?: string;
  /** The same as what stands there; false where either is missing. */
  same?: Pointer;
  below?: number;
  there?: boolean;
  not?: boolean;
}

/** True where all hold. */
export type Tests = boolean | Test | Test[];

export interface AttributeConfig {
  from?: Pointer | Pointer[];
  header?: string | string[];
  /** A regular expression for the whole of it, without groups. */
  pattern: string;
  max: number;
}

export interface MetadataConfig {
  repository?: TextSource;
  clone_url?: TextSource;
  branch?: TextSource;
  tag?: TextSource;
  commit?: TextSource;
  before?: TextSource;
  base_branch?: TextSource;
  head_repository?: TextSource;
  author?: TextSource;
  pull_request?: Pointer | Pointer[];
  deleted?: Tests;
  fork?: Tests;
  paths_complete?: Tests;
  labels?: Pointer | Pointer[];
  paths?: Pointer | Pointer[];
  attributes?: Record<string, AttributeConfig>;
}

export interface EventConfig {
  /** As the host names it; `*`: whichever. */
  event: string | string[];
  when?: Test | Test[];
  /** A list of which every item is an event of its own. */
  each?: Pointer;
  kind: DeliveryKind;
  action?: TextSource;
  metadata?: MetadataConfig;
}

/** How `hmac` webhooks are signed; the other tools have their own way. */
export interface SignatureConfig {
  header: string;
  algorithm: 'sha256' | 'sha512';
  encoding: 'hex' | 'base64';
  prefix?: string;
  /** What is signed is `signed`, `{timestamp}` and `{body}` in it filled in. Seconds since 1970. */
  timestamp?: { header: string; signed: string; tolerance_seconds?: number };
}

/** For one environment. */
export interface ToolConfig {
  /** Of the format. */
  version: 1;
  /** Of the file, counted up with each change, for people. */
  revision: number;
  tool: Tool;
  event: TextSource;
  delivery?: TextSource;
  /** `application/x-www-form-urlencoded` with the JSON in `payload` is taken as well. */
  form?: boolean;
  /** Events that are answered and not passed on, such as pings. */
  ignore?: string[];
  signature?: SignatureConfig;
  /** In their order: the first that fits an event takes it. */
  events: Record<string, EventConfig>;
}

export function listed<T>(value: T | T[] | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
