import type { Command } from 'commander';
import { connectApi, type Api } from './api.js';
import { resolveConnection, type Connection } from './connection.js';
import { keyOpener } from './key-file.js';
import { terminalOutput, type Output } from './output.js';
import { jobLogs, type JobLogs } from './watch/job-log.js';
import type { SealedReader } from '@hybrid/sealed';

export interface CommandContext {
  api: Api;
  out: Output;
  connection: Connection;
  logs: JobLogs;
  /** What agents have encrypted is opened with it; nothing where no key was given. Throws UsageError. */
  openKey: () => Promise<SealedReader | undefined>;
}

/** Of every command that lists. */
export interface PageOptions {
  limit?: string;
  cursor?: string;
}

interface GlobalOptions {
  url?: string;
  tokenFile?: string;
  organisation?: string;
  keyFile?: string;
  output: 'text' | 'json';
}

/** What the options of the whole program amount to. Throws UsageError. */
export function contextOf(command: Command): CommandContext {
  const { url, tokenFile, organisation, keyFile, output } = command.optsWithGlobals<GlobalOptions>();
  const connection = resolveConnection({ url, tokenFile, organisation }, process.env);
  const api = connectApi(connection);
  const out = terminalOutput(output);
  const openKey = keyOpener(keyFile ?? (process.env['HYBRID_KEY_FILE'] || undefined));
  return { api, out, connection, openKey, logs: jobLogs(api, openKey, out.note) };
}
