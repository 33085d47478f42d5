import type { Command } from 'commander';
import { connectApi, type Api } from './api.js';
import { resolveConnection } from './connection.js';
import { terminalOutput, type Output } from './output.js';

export interface CommandContext {
  api: Api;
  out: Output;
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
  return {
    api: connectApi(resolveConnection({ url, tokenFile, organisation }, process.env)),
    out: terminalOutput(output),
  };
}
