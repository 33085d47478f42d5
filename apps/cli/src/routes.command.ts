/** `hybrid routes test`: what the rules of a configuration make of an event, without any server. */
import type { Delivery } from '@hybrid/contracts';
import { explainRoute, type CheckedRule, type Decision, type NetZero } from '@hybrid/net-zero';
import pc from 'picocolors';
import { readConfig } from './config.command.js';
import { UsageError } from './errors.js';
import { readInput } from './read-input.js';
import type { Output } from './output.js';
import { terminalText } from './text/terminal-text.js';
import { toolConfig } from './tool-file.js';
import { trialDelivery, trialWebhook } from './trial-delivery.js';

export interface TestOptions {
  config: string;
  tool?: string;
  event?: string;
  source?: string;
  tools?: string;
}

export async function testRoutes(out: Output, file: string = '-', options: TestOptions): Promise<void> {
  const config = await readConfig(out, options.config);
  if (!config) return;
  const deliveries = await deliveriesOf(out, await readInput(file), file, config, options);
  const events = deliveries.map((delivery) => ({ delivery, ...explainRoute(delivery, config.routes) }));
  if (out.format === 'json') return out.json({ events });
  for (const [index, { delivery, decisions, asked }] of events.entries()) {
    if (index > 0) out.line();
    if (options.tool !== undefined) out.line(`${terminalText(summaryOf(delivery), false)}\n`);
    for (const rule of asked) for (const line of ruleLines(rule)) out.line(line);
    const left = config.routes.rules.length - asked.length;
    if (left > 0) out.line(pc.dim(`${left} more not asked: the first that fits decides`));
    for (const decision of decisions) for (const line of decisionLines(decision)) out.line(line);
  }
}

/** One, or of a webhook as many as it tells of. */
async function deliveriesOf(
  out: Output,
  bytes: Buffer,
  file: string,
  { environment, relay }: NetZero,
  { tool: name, event, source, tools = relay?.tools }: TestOptions,
): Promise<Delivery[]> {
  if (name === undefined) return [trialDelivery(parsed(bytes, file), file)];
  if (event === undefined)
    throw new UsageError('--tool needs --event: what the host calls it stands in a header, not in the body');
  const tool = await toolConfig(out, name, { tools, environment });
  const own = source ?? relay?.sources.find((each) => each.tool === name)?.name ?? name;
  const { deliveries, leftOut, ignored } = trialWebhook({ tool, source: own, event, body: bytes });
  if (ignored !== null) out.note(`a relay would pass on nothing: ${ignored}`);
  if (leftOut.length > 0) out.note(`left out, as they do not fit: ${leftOut.join(', ')}`);
  return deliveries;
}

function parsed(bytes: Buffer, file: string): object {
  let event: unknown;
  try {
    event = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new UsageError(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof event === 'object' && event !== null && !Array.isArray(event)) return event;
  throw new UsageError(`${file} is no delivery, which is a JSON object`);
}

function summaryOf({ kind, event, action, metadata }: Delivery): string {
  const fields = Object.entries(metadata).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [`${kind} (${[event, action].filter(Boolean).join(' ')}):`, ...fields].join(' ');
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
