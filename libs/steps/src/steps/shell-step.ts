/** step.shell_exec: commands in a sandbox, then their outputs and artifacts. */
import { randomBytes } from 'node:crypto';
import { DEFAULT_WORK_DIR } from '../files/workspace-path.js';
import { markerLine } from '../output/output-lines.js';
import type { StepContext, StepResult } from '../step.js';
import { environmentOf, sandboxOf } from './sandbox-config.js';
import { runScript } from './script-run.js';
import { StepConfig } from './step-config.js';

export async function runShellStep(context: StepContext): Promise<StepResult> {
  const config = new StepConfig(context.job.spec.step.config);
  const commands = config.texts('commands');
  const resolved = commands.map((command) => context.secrets.resolveInCommand(command));
  const secretVariables = Object.fromEntries(resolved.flatMap(({ env: needed }) => Object.entries(needed)));
  const nonce = randomBytes(8).toString('hex');

  let reached = 0;
  const showCommand = (index: number): void => {
    reached = index;
    for (const [number, line] of (commands[index] ?? '').trimEnd().split('\n').entries()) {
      context.log('system', `${number === 0 ? '$' : '>'} ${line}`);
    }
  };
  return runScript(
    context,
    config,
    {
      text: resolved.map(({ command }, index) => `${markerLine(nonce, index)}\n${command}\n`).join(''),
      shell: config.oneOf<'sh' | 'bash'>('shell', ['sh', 'bash'], 'sh'),
      env: { ...environmentOf(context, config), ...secretVariables },
      workDir: config.optionalText('work_dir') ?? DEFAULT_WORK_DIR,
      image: config.optionalText('image'),
      ...sandboxOf(context, config),
    },
    {
      markers: { nonce, reached: showCommand },
      failure: (exitCode) => `${quoted(commands[reached])} exited with ${exitCode}`,
    },
  );
}

function quoted(command: string | undefined): string {
  if (command === undefined) return 'the commands';
  const [line = '', ...more] = command.trim().split('\n');
  return `"${more.length > 0 || line.length > 200 ? `${line.slice(0, 200)} …` : line}"`;
}
