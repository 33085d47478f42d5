/** Commands for the services' consumers of events: how far they are, and what they gave up. */
import type { CommandContext } from './context.js';
import { EXIT } from './exit-codes.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

export async function listConsumers({ api, out }: CommandContext): Promise<void> {
  const reply = await api.listConsumers();
  const silent = Object.entries(reply.services).filter(([, status]) => status !== 'answered');
  if (silent.length > 0) process.exitCode = EXIT.notReachedOrAllowed;
  if (out.format === 'json') return out.json(reply);
  const rows = reply.consumers.map(({ durable, pending, in_progress, parked }) => [
    durable,
    `${pending}`,
    `${in_progress}`,
    `${parked}`,
  ]);
  out.line(table(['CONSUMER', 'PENDING', 'IN PROGRESS', 'PARKED'], rows));
  for (const [service, status] of silent) out.note(`${service}: ${status}`);
}

/** Ends with 1 while events are parked still. */
export async function replayConsumer({ api, out }: CommandContext, durable: string): Promise<void> {
  const reply = await api.replayConsumer(durable);
  if (reply.parked > 0) process.exitCode = EXIT.failed;
  if (out.format === 'json') return out.json(reply);
  out.line(`${durable}: ${reply.replayed} events replayed, ${reply.parked} parked still`);
  for (const { event_id, reason } of reply.failed)
    out.note(terminalText(`${durable}: event ${event_id} failed again: ${reason}`, false));
}
