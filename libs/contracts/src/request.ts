/** A typed request over NATS: subject `cmd.<service>.<noun>.<verb>` or `qry.…`, input and output as JSON. */
export interface Request<I, O> {
  readonly subject: string;
  /** How long the caller waits for the reply, in milliseconds. */
  readonly timeoutMs: number;
  /** Phantom: binds the types; never set. */
  readonly types?: { input: I; output: O };
}

/** Chosen well above a commit on a slow disk, and below what a person waits for. */
const DEFAULT_TIMEOUT_MS = 5_000;

export function request<I, O>(subject: string, timeoutMs = DEFAULT_TIMEOUT_MS): Request<I, O> {
  return { subject, timeoutMs };
}

/** One page of a list. `cursor` is what the page before answered as `next_cursor`. */
export interface PageQuery {
  limit?: number;
  cursor?: string;
}

export interface Page<T> {
  items: T[];
  total: number;
  next_cursor: string | null;
}

/** A page as the API shows it: `{ "<things>": [...], "total": n, "next_cursor": … }`. */
export type TextPage<K extends string, T> = Record<K, T[]> & Omit<Page<T>, 'items'>;

/** A reply that is JSON text (UTF-8) already, so that whoever only passes it on need not read it. */
export type JsonText<T> = Uint8Array & { readonly type?: T };

export function readJson<T>(text: JsonText<T>): T {
  return JSON.parse(new TextDecoder().decode(text)) as T;
}
