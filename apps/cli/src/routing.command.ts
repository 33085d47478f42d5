/** Commands for connections, relays, deliveries, triggers and schedules. */
import type { ConnectionView, DeliveryView, RouteDecision } from '@hybrid/contracts';
import type { CommandContext, PageOptions } from './context.js';
import { EXIT } from './exit-codes.js';
import { ago, duration } from './text/duration.js';
import { showList } from './text/list.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

type Context = CommandContext;
type Filter = PageOptions & Record<string, string | undefined>;

export async function listConnections({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listConnections({ ...query });
  showList(
    out,
    page,
    ['CONNECTION', 'VERSION', 'ENVIRONMENT', 'STATUS', 'BACKLOG', 'QUEUE', ''],
    page.connections,
    (one) => [
      one.connection,
      `${one.version}`,
      one.environment,
      one.status.toLowerCase(),
      one.backlog?.messages === null || !one.backlog ? '' : `${one.backlog.messages}`,
      one.queue_reference,
      one.message ?? '',
    ],
  );
}

export async function viewConnection({ api, out }: Context, name: string): Promise<void> {
  tellConnection(out, await api.getConnection(name));
}

/** Ends with 1 where the queue cannot be read as it should. */
export async function verifyConnection({ api, out }: Context, name: string): Promise<void> {
  const connection = await api.verifyConnection(name);
  tellConnection(out, connection);
  if (connection.status === 'REFUSED' || connection.status === 'UNREACHABLE') process.exitCode = EXIT.failed;
}

export async function pauseConnection(
  { api, out }: Context,
  name: string,
  { reason }: { reason: string },
): Promise<void> {
  tellStatus(out, await api.pauseConnection(name, reason));
}

export async function resumeConnection({ api, out }: Context, name: string): Promise<void> {
  tellStatus(out, await api.resumeConnection(name));
}

export async function deleteConnection({ api, out }: Context, name: string): Promise<void> {
  const connection = await api.deleteConnection(name);
  if (out.format === 'json') return out.json(connection);
  out.line(`connection ${connection.connection} is deleted: its queue is not read any more`);
}

export async function listRelays({ api, out }: Context, query: Filter): Promise<void> {
  const page = await api.listRelays({ ...query });
  showList(
    out,
    page,
    ['ID', 'NAME', 'CONNECTION', 'STATUS', 'SENT', 'REFUSED', 'SPOOLED', 'LAG', 'LAST HEARTBEAT'],
    page.relays,
    (relay) => [
      relay.relay_id,
      relay.name,
      relay.connection,
      relay.status.toLowerCase(),
      `${relay.sent}`,
      `${relay.refused}`,
      `${relay.spooled}`,
      relay.lag_seconds === null ? '' : duration(relay.lag_seconds * 1000),
      ago(relay.last_heartbeat, Date.now()),
    ],
  );
}

export async function viewRelay({ api, out }: Context, id: string): Promise<void> {
  fields(out, await api.getRelay(id));
}

export async function removeRelay({ api, out }: Context, id: string): Promise<void> {
  const relay = await api.removeRelay(id);
  if (out.format === 'json') return out.json(relay);
  out.line(`relay ${relay.relay_id} (${relay.name}) is removed: its key is worth nothing now`);
}

export async function listDeliveries({ api, out }: Context, query: Filter): Promise<void> {
  const page = await api.listDeliveries({ ...query });
  showList(
    out,
    page,
    ['ID', 'CONNECTION', 'EVENT', 'REPOSITORY', 'STATUS', 'DECISIONS', 'WHEN'],
    page.deliveries,
    ({ delivery_id, connection, status, delivery, decisions, at }) => [
      delivery_id,
      connection,
      delivery ? [delivery.event, delivery.action].filter(Boolean).join(' ') : '',
      delivery?.metadata.repository ?? '',
      status.toLowerCase(),
      decisions.map((each) => `${each.rule ?? 'default'}: ${each.do}`).join(', '),
      ago(at, Date.now()),
    ],
  );
}

/** What came, what was decided, and why. */
export async function viewDelivery({ api, out }: Context, id: string): Promise<void> {
  const view = await api.getDelivery(id);
  if (out.format === 'json') return out.json(view);
  for (const text of deliveryLines(view)) out.line(terminalText(text, false));
}

function deliveryLines(view: DeliveryView): string[] {
  const { delivery } = view;
  const took = view.seconds === null ? '' : `, ${duration(view.seconds * 1000)} after the relay had it`;
  return [
    `delivery ${view.delivery_id}: ${view.status.toLowerCase()} ${view.at}${took}`,
    ...(view.message === null ? [] : [view.message]),
    `by version ${view.connection_version} of connection ${view.connection}`,
    ...(delivery ? [`${delivery.tool} ${delivery.event} from source ${delivery.source}`] : []),
    ...Object.entries(delivery?.metadata ?? {}).map(
      ([name, value]) => `  ${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}`,
    ),
    ...view.decisions.flatMap(decisionLines),
  ];
}

function decisionLines({ rule, do: verb, because, runs, message }: RouteDecision): string[] {
  return [
    '',
    `${rule === null ? 'by default' : `rule ${rule}`}: ${verb}`,
    `  because ${because}`,
    ...runs.map((run) => `  run ${run.run_id} of ${run.pipeline}`),
    ...(message === null ? [] : [`  ${message}`]),
  ];
}

export async function listTriggers({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listTriggers({ ...query });
  showList(out, page, ['PIPELINE', 'REPOSITORY', 'ON', 'WHEN', 'LAST FIRED', 'RUN'], page.triggers, (one) => [
    one.pipeline,
    one.repository ?? '-',
    one.kind,
    one.when,
    ago(one.last_fired_at, Date.now()),
    one.last_run_id ?? '',
  ]);
}

export async function listSchedules({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listSchedules({ ...query });
  showList(out, page, ['PIPELINE', 'CRON', 'NEXT', 'LAST FIRED', 'RUN'], page.schedules, (one) => [
    one.pipeline,
    one.cron,
    one.next_at ?? 'never',
    ago(one.last_fired_at, Date.now()),
    one.last_run_id ?? '',
  ]);
}

/** Also what `hybrid config apply` shows. */
export function tellStatus(out: Context['out'], connection: ConnectionView): void {
  if (out.format === 'json') return out.json(connection);
  const why = connection.message ? `: ${connection.message}` : '';
  const { connection: name, version, status } = connection;
  out.line(terminalText(`connection ${name} version ${version} is ${status.toLowerCase()}${why}`, false));
}

function tellConnection(out: Context['out'], connection: ConnectionView): void {
  if (out.format === 'json') return out.json(connection);
  tellStatus(out, connection);
  const { configuration: _, status: _status, message: _message, ...rest } = connection;
  fields(out, rest);
}

function fields(out: Context['out'], thing: object): void {
  if (out.format === 'json') return out.json(thing);
  const rows = Object.entries(thing).map(([key, value]: [string, unknown]) => [
    key,
    terminalText(typeof value === 'string' ? value : JSON.stringify(value), false),
  ]);
  out.line(table(['FIELD', 'VALUE'], rows));
}
