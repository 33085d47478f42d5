/** `hybrid webhook send`: a webhook as a git host sends it, signed, for trying out a relay. */
import { CommandError, UnreachableError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';
import { readInput } from './read-input.js';
import { terminalText } from './text/terminal-text.js';
import { toolConfig } from './tool-file.js';
import { webhookHeaders } from './webhook-headers.js';

export interface WebhookOptions {
  tool: string;
  event: string;
  body: string;
  secretFile: string;
  tools?: string;
  header?: Record<string, string>;
}

export async function sendWebhook(out: Output, url: string, options: WebhookOptions): Promise<void> {
  const { event, tools, header = {} } = options;
  const tool = await toolConfig(out, options.tool, { tools });
  if (!URL.canParse(url)) throw new UsageError(`"${url}" is no address of a relay`);
  const body = await readInput(options.body);
  // Editors end files with a new line, which is no part of a secret.
  const secret = (await readInput(options.secretFile)).toString('utf8').trim();
  const headers = { ...webhookHeaders(tool, { event, secret, body, now: new Date() }), ...header };
  const response = await post(url, body, headers);
  const answer = (await response.text()).slice(0, 10_000).trim();
  if (out.format === 'json') out.json({ status: response.status, body: answer });
  else {
    const lines = [`${response.status} ${response.statusText}`, ...answer.split('\n')];
    for (const line of lines) out.line(terminalText(line, false));
  }
  if (!response.ok) throw new CommandError(`${url} refused the webhook`, EXIT.failed);
}

async function post(url: string, body: Buffer, headers: Record<string, string>): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { 'content-type': 'application/json', 'user-agent': 'hybrid-webhook-send', ...headers },
    });
  } catch (cause) {
    const why = (cause as { cause?: Error }).cause?.message ?? (cause as Error).message;
    throw new UnreachableError(`cannot reach ${url} (${why}); is the relay running?`, { cause });
  }
}
