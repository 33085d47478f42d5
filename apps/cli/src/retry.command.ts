import { randomUUID } from 'node:crypto';
import type { RetryRun } from '@hybrid/contracts';
import type { CommandContext } from './context.js';
import { UsageError } from './errors.js';
import { watchToTheEnd } from './watch.command.js';

export interface RetryOptions {
  failed?: boolean;
  step?: string;
  watch: boolean;
}

export async function retryRun(context: CommandContext, id: string, options: RetryOptions): Promise<void> {
  const { api, out } = context;
  const run = await api.retryRun(id, whatToRepeat(options), randomUUID());
  if (options.watch) return watchToTheEnd(context, run.id);
  if (out.format === 'json') out.json(run);
  else out.line(`run ${run.id} started; watch it with: hybrid run watch ${run.id}`);
}

function whatToRepeat({ failed, step }: RetryOptions): RetryRun {
  if (failed && step !== undefined)
    throw new UsageError(
      '--failed and --step exclude each other: one names what did not succeed, the other a step',
    );
  if (step !== undefined) return { from: 'step', step };
  return { from: failed ? 'failed' : 'start' };
}
