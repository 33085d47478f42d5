import type { Command } from 'commander';
import { connectApi, type Api } from './api.js';
import { resolveConnection, type Connection } from './connection.js';
import { terminalOutput, type Output } from './output.js';

export interface CommandContext {
  api: Api;
  out: Output;
  connection: Connection;
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
  output: 'text' | 'json';
}

/** What the options of the whole program amount to. Throws UsageError. */
export function contextOf(command: Command): CommandContext {
  const { url, tokenFile, organisation, output } = command.optsWithGlobals<GlobalOptions>();
  const connection = resolveConnection({ url, tokenFile, organisation }, process.env);
  return { api: connectApi(connection), out: terminalOutput(output), connection };
}
