/** `hybrid routes test`: what the rules of a configuration make of an event, without any server. */
import type { Delivery } from '@hybrid/contracts';
import { explainRoute, type CheckedRule, type Decision } from '@hybrid/net-zero';
import pc from 'picocolors';
import { readConfig } from './config.command.js';
import { UsageError } from './errors.js';
import { readInput } from './read-input.js';
import type { Output } from './output.js';
import { terminalText } from './text/terminal-text.js';
import { trialDelivery } from './trial-delivery.js';

export async function testRoutes(
  out: Output,
  event: string = '-',
  { config: file }: { config: string },
): Promise<void> {
  const config = await readConfig(out, file);
  if (!config) return;
  const { decisions, asked } = explainRoute(await readDelivery(event), config.routes);
  if (out.format === 'json') return out.json({ decisions, asked });
  for (const rule of asked) for (const line of ruleLines(rule)) out.line(line);
  const left = config.routes.rules.length - asked.length;
  if (left > 0) out.line(pc.dim(`${left} more not asked: the first that fits decides`));
  for (const decision of decisions) for (const line of decisionLines(decision)) out.line(line);
}

async function readDelivery(file: string): Promise<Delivery> {
  const text = (await readInput(file)).toString('utf8');
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof event !== 'object' || event === null)
    throw new UsageError(`${file} is no delivery, but ${text.slice(0, 20)}`);
  return trialDelivery(event, file);
}

function ruleLines({ rule, fits, conditions }: CheckedRule): string[] {
  const widest = Math.max(0, ...conditions.map(({ condition }) => condition.length));
  return [
    `${sign(fits)} ${rule}`,
    ...conditions.map(
      (each) => `    ${sign(each.fits)} ${each.condition.padEnd(widest)}  ${terminalText(each.why, false)}`,
    ),
  ];
}

function decisionLines({ rule, action, because }: Decision): string[] {
  const { do: verb, ...more } = action;
  const what = Object.keys(more).length > 0 ? ` ${JSON.stringify(more)}` : '';
  return [
    '',
    terminalText(`${rule === null ? 'by default' : `rule ${rule}`}: ${verb}${what}`, false),
    terminalText(`  because ${because}`, false),
  ];
}

function sign(fits: boolean): string {
  return fits ? pc.green('✔') : pc.red('✘');
}
