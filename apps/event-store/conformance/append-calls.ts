/** The two calls behind appendToStream: a spec of what both promise runs once for each. */
import type { AppendToStreamOptions } from '@eventstore/db-client';

/** The client takes Append when credentials are given, BatchAppend otherwise. Without TLS it does not send them. */
export const APPEND_CALLS: (readonly [string, AppendToStreamOptions])[] = [
  ['BatchAppend', {}],
  ['Append', { credentials: credentials() }],
];

/** Those of the connection string if it has some, else those of a new EventStoreDB. */
function credentials(): { username: string; password: string } {
  const [, username, password] = /:\/\/([^:@/]+):([^@/]+)@/.exec(process.env['EVENTSTORE_URL'] ?? '') ?? [];
  return username && password
    ? { username: decodeURIComponent(username), password: decodeURIComponent(password) }
    : { username: 'admin', password: 'changeit' };
}
