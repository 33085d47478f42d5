/** The part of the API that brings the outside in: relays, connections, deliveries, triggers. */
import type { ConnectionView, DeliveryView, RelayView, ScheduleView, TriggerView } from '@hybrid/contracts';
import type { ListPage } from './api.js';

type Json = <T>(method: string, path: string, body?: unknown) => Promise<T>;
type Query = Record<string, string | number | undefined>;

/** @param query turns what is set into `?a=b`. */
export function routingCalls(json: Json, query: (query: Query) => string) {
  const at = encodeURIComponent;
  const list =
    <K extends string, T>(path: string) =>
    (asked: Query) =>
      json<ListPage & Record<K, T[]>>('GET', `/api/${path}${query(asked)}`);
  const connection = (name: string) => `/api/connections/${at(name)}`;
  return {
    listRelays: list<'relays', RelayView>('relays'),
    getRelay: (id: string) => json<RelayView>('GET', `/api/relays/${at(id)}`),
    removeRelay: (id: string) => json<RelayView>('DELETE', `/api/relays/${at(id)}`),
    listConnections: list<'connections', ConnectionView>('connections'),
    getConnection: (name: string) => json<ConnectionView>('GET', connection(name)),
    putConnection: (name: string, configuration: string) =>
      json<ConnectionView>('PUT', connection(name), { configuration }),
    verifyConnection: (name: string) => json<ConnectionView>('POST', `${connection(name)}/verify`, {}),
    pauseConnection: (name: string, reason: string) =>
      json<ConnectionView>('POST', `${connection(name)}/pause`, { reason }),
    resumeConnection: (name: string) => json<ConnectionView>('POST', `${connection(name)}/resume`, {}),
    deleteConnection: (name: string) => json<ConnectionView>('DELETE', connection(name)),
    listDeliveries: list<'deliveries', DeliveryView>('deliveries'),
    getDelivery: (id: string) => json<DeliveryView>('GET', `/api/deliveries/${at(id)}`),
    listTriggers: list<'triggers', TriggerView>('triggers'),
    listSchedules: list<'schedules', ScheduleView>('schedules'),
  };
}
