import type { StepStatus } from '@hybrid/contracts';
import pc from 'picocolors';

/** A sign and a colour for each way a step stands. */
export function stepSign(status: StepStatus): string {
  switch (status) {
    case 'PENDING':
    case 'QUEUED':
      return pc.dim('·');
    case 'WAITING':
      return pc.yellow('?');
    case 'RUNNING':
      return pc.cyan('▶');
    case 'SUCCEEDED':
      return pc.green('✔');
    case 'FAILED':
      return pc.red('✘');
    case 'SKIPPED':
      return pc.dim('⊘');
    case 'CANCELLED':
      return pc.yellow('■');
  }
}

/** Colours a text (already padded) by the status of a run, step, job or agent that it shows. */
export function paintStatus(text: string, status: string): string {
  switch (status) {
    case 'SUCCEEDED':
    case 'COMPLETED':
    case 'HEALTHY':
      return pc.green(text);
    case 'FAILED':
    case 'DEAD_LETTERED':
    case 'UNHEALTHY':
    case 'DEAD':
      return pc.red(text);
    case 'RUNNING':
    case 'CLAIMED':
      return pc.cyan(text);
    case 'CANCELLED':
    case 'DEGRADED':
    case 'CANCELLING':
    case 'WAITING':
    case 'DRAINING':
      return pc.yellow(text);
    default:
      return pc.dim(text);
  }
}
