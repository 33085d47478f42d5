/** Commands for read models. A rebuild goes on at the server, whether anybody watches it or not. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ProjectionView } from '@hybrid/contracts';
import type { CommandContext } from './context.js';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { patience } from './patience.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

/** Often enough to see it move. */
const LOOK_MS = 500;

export async function listProjections({ api, out }: CommandContext): Promise<void> {
  const reply = await api.listProjections();
  const silent = Object.entries(reply.services).filter(([, status]) => status !== 'answered');
  if (silent.length > 0) process.exitCode = EXIT.notReachedOrAllowed;
  if (out.format === 'json') return out.json(reply);
  const rows = reply.projections.map((projection) => [
    `${projection.service}.${projection.name}`,
    projection.status,
    projection.position ?? '-',
    projection.head ?? '-',
    lag(projection),
    `${projection.parked_events}`,
    rebuild(projection),
  ]);
  out.line(table(['PROJECTION', 'STATUS', 'POSITION', 'HEAD', 'LAG', 'PARKED', 'LAST REBUILD'], rows));
  for (const { service, name, parked } of reply.projections) {
    for (const { stream, revision, reason, tries } of parked)
      out.note(
        terminalText(
          `${service}.${name}: ${stream}/${revision} parked after ${tries} tries: ${reason}`,
          false,
        ),
      );
  }
  for (const [service, status] of silent) out.note(`${service}: ${status}`);
}

/** Ends with 0 when the new one is live, with 1 when the rebuild failed: the old one goes on then. */
export async function rebuildProjection({ api, out }: CommandContext, address: string): Promise<void> {
  const { service, name } = parse(address);
  const { rebuild: begun } = await api.rebuildProjection(service, name);
  const patient = patience(out.note, new AbortController().signal);
  for (let shown = -1; ; await pause(LOOK_MS)) {
    let now: ProjectionView | undefined;
    try {
      const { projections } = await api.listProjections();
      patient.recovered();
      now = projections.find((one) => one.service === service && one.name === name);
    } catch (error) {
      await patient.bear(error);
    }
    // The service is away for a moment; the list says so, and so would a second look.
    if (!now?.rebuild) continue;
    const { id, status, events, progress, error } = now.rebuild;
    if (id !== begun.id)
      throw new CommandError(
        `${address}: another rebuild has begun: see hybrid projection list`,
        EXIT.failed,
      );
    const percent = Math.floor(progress * 100);
    if (percent > shown) out.note(`${address}: ${events} events, ${percent} %`);
    shown = percent;
    switch (status) {
      case 'RUNNING':
        continue;
      case 'DONE':
        if (out.format === 'json') return out.json(now);
        return out.line(`${address} rebuilt from ${events} events; ${now.parked_events} parked`);
      case 'FAILED':
        throw new CommandError(
          `the rebuild of ${address} failed: ${error}; the read model is as it was`,
          EXIT.failed,
        );
      case 'INTERRUPTED':
        throw new CommandError(
          `the rebuild of ${address} was interrupted, the read model is as it was: ask for it again`,
          EXIT.failed,
        );
    }
  }
}

/** Ends with 1 while events are parked still. */
export async function replayProjection({ api, out }: CommandContext, address: string): Promise<void> {
  const { service, name } = parse(address);
  const reply = await api.replayProjection(service, name);
  if (reply.parked_events > 0) process.exitCode = EXIT.failed;
  if (out.format === 'json') return out.json(reply);
  out.line(`${address}: ${reply.replayed_events} events replayed, ${reply.parked_events} parked still`);
}

function parse(address: string): { service: string; name: string } {
  const [service, name, ...more] = address.split('.');
  if (!service || !name || more.length > 0)
    throw new UsageError(`"${address}" is not of the form service.name, such as queue.jobs`);
  return { service, name };
}

function lag({ lag_events: events, lag_seconds: seconds }: ProjectionView): string {
  if (events === null || seconds === null) return 'unknown';
  return events === 0 ? 'none' : `${events} events, ${seconds.toFixed(1)} s`;
}

function rebuild({ rebuild }: ProjectionView): string {
  if (!rebuild) return '-';
  const status = rebuild.status.toLowerCase();
  return rebuild.status === 'RUNNING' ? `${status}, ${Math.floor(rebuild.progress * 100)} %` : status;
}
