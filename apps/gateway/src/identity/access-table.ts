/**
 * Who may use which route: the one place that says so. Deny by default: a caller whom a row does not name is refused,
 * and a route without a row keeps the gateway from starting. Printed in docs/access.md.
 */
import type { Role } from '@hybrid/contracts';

/** What a role may be limited to, and how the request tells which one it is about. */
export type Resource =
  | { kind: 'pool'; param: 'pool_name' }
  | { kind: 'pool'; agent: 'agent_id' }
  | { kind: 'pipeline'; param: 'pipeline_id' }
  | { kind: 'pipeline'; run: 'run_id' };

export const MACHINES = ['agent', 'joiner', 'relay'] as const;
export type Machine = (typeof MACHINES)[number];

export interface Row {
  roles: readonly Role[];
  /** Agents and relays may use it for themselves; join tokens may use it. */
  machines: readonly Machine[];
  /** A role on this one thing suffices. */
  on?: Resource;
}

/**
 * `everybody`: without a credential. `people`: whoever is signed in, or has a key, whatever their roles. `installation`: what concerns all organisations is for the administrator's token of
 * the installation, and for admins of the organisation that was always there: a single team has no other.
 */
export type Access = 'everybody' | 'people' | 'installation' | Row;

const may = (roles: readonly Role[], on?: Resource): Row => ({ roles, machines: [], on });
const orAgent = (row: Row): Row => ({ ...row, machines: ['agent'] });

const read = may(['viewer', 'developer', 'operator', 'admin', 'auditor']);
const work = may(['developer', 'operator', 'admin']);
const tend = may(['operator', 'admin']);
const govern = may(['admin']);
const oversee = may(['admin', 'auditor']);
const agent = orAgent(may([]));
const joins: Row = { ...govern, machines: ['joiner'] };

const pool: Resource = { kind: 'pool', param: 'pool_name' };
const agentsPool: Resource = { kind: 'pool', agent: 'agent_id' };
const pipeline: Resource = { kind: 'pipeline', param: 'pipeline_id' };
const runsPipeline: Resource = { kind: 'pipeline', run: 'run_id' };
const on = (row: Row, resource: Resource): Row => ({ ...row, on: resource });

export const ACCESS: Readonly<Record<string, Access>> = {
  'GET /health': 'everybody',
  'GET /health/live': 'everybody',
  'GET /health/ready': 'everybody',
  'GET /info': 'everybody',
  'GET /metrics': 'everybody',

  'POST /api/queue/jobs': work,
  'POST /api/queue/jobs/batch': work,
  'GET /api/queue/jobs': read,
  'GET /api/queue/stats': read,
  'GET /api/queue/jobs/{job_id}': read,
  'GET /api/queue/jobs/{job_id}/explain': read,
  'GET /api/queue/jobs/{job_id}/logs': read,
  'GET /api/queue/jobs/{job_id}/logs/download': read,
  'DELETE /api/queue/jobs/{job_id}': work,
  'PATCH /api/queue/jobs/{job_id}/priority': tend,
  'POST /api/queue/jobs/{job_id}/close': tend,
  'POST /api/queue/jobs/{job_id}/requeue': work,
  'POST /api/queue/jobs/requeue': tend,
  'POST /api/queue/maintenance/requeue-expired': tend,
  'GET /api/queue/verification': 'installation',
  'POST /api/queue/claim': agent,
  'PATCH /api/queue/jobs/{job_id}/start': agent,
  'PATCH /api/queue/jobs/{job_id}/progress': agent,
  'PATCH /api/queue/jobs/{job_id}/complete': agent,
  'POST /api/queue/jobs/{job_id}/release': agent,
  'POST /api/queue/jobs/{job_id}/logs': agent,

  'POST /api/agents/token': 'everybody',
  'POST /api/agents/register': joins,
  'GET /api/agents': read,
  'GET /api/agents/healthy': read,
  'GET /api/agents/{agent_id}': orAgent(on(read, agentsPool)),
  'GET /api/agents/{agent_id}/config': orAgent(on(read, agentsPool)),
  'POST /api/agents/{agent_id}/heartbeat': agent,
  'POST /api/agents/{agent_id}/credential': agent,
  'POST /api/agents/{agent_id}/rotate': on(tend, agentsPool),
  'PATCH /api/agents/{agent_id}/status': orAgent(on(tend, agentsPool)),
  'POST /api/agents/{agent_id}/drain': orAgent(on(tend, agentsPool)),
  'POST /api/agents/{agent_id}/resume': orAgent(on(tend, agentsPool)),
  'POST /api/agents/{agent_id}/deregister': orAgent(on(tend, agentsPool)),
  'GET /api/agents/pools': read,
  'GET /api/agents/pools/{pool_name}': on(read, pool),
  'PUT /api/agents/pools/{pool_name}': on(tend, pool),
  'GET /api/agents/pools/{pool_name}/scale': on(read, pool),
  'POST /api/agents/pools/{pool_name}/scale': on(tend, pool),
  'POST /api/agents/pools/{pool_name}/pause': on(tend, pool),
  'POST /api/agents/pools/{pool_name}/resume': on(tend, pool),

  'POST /api/pipelines': work,
  'POST /api/pipelines/validate': read,
  // An editor that completes pipeline files has no credential.
  'GET /api/pipelines/schema': 'everybody',
  'GET /api/v1/module-schemas': read,
  'GET /api/pipelines': read,
  'GET /api/pipelines/{pipeline_id}': on(read, pipeline),
  'PUT /api/pipelines/{pipeline_id}': on(work, pipeline),
  'DELETE /api/pipelines/{pipeline_id}': on(work, pipeline),
  'POST /api/pipelines/{pipeline_id}/runs': on(work, pipeline),
  'GET /api/pipelines/{pipeline_id}/tests': on(read, pipeline),
  'GET /api/triggers': read,
  'GET /api/schedules': read,
  'GET /api/runs': read,
  'GET /api/runs/{run_id}': on(read, runsPipeline),
  'GET /api/runs/{run_id}/graph': on(read, runsPipeline),
  'GET /api/runs/{run_id}/steps/{step_id}': on(read, runsPipeline),
  'GET /api/runs/{run_id}/proof': agent,
  'POST /api/runs/{run_id}/cancel': on(work, runsPipeline),
  'POST /api/runs/{run_id}/approve': on(work, runsPipeline),
  'POST /api/runs/{run_id}/retry': on(work, runsPipeline),
  'POST /api/runs/{run_id}/gates/{gate}/approve': on(work, runsPipeline),
  'POST /api/runs/{run_id}/gates/{gate}/reject': on(work, runsPipeline),

  'POST /api/relays/register': joins,
  'POST /api/relays/heartbeat': { ...may([]), machines: ['relay'] },
  'GET /api/relays': read,
  'GET /api/relays/{relay_id}': read,
  'DELETE /api/relays/{relay_id}': govern,
  'GET /api/connections': read,
  'PUT /api/connections/{connection}': govern,
  'GET /api/connections/{connection}': read,
  'DELETE /api/connections/{connection}': govern,
  'POST /api/connections/{connection}/pause': tend,
  'POST /api/connections/{connection}/resume': tend,
  'POST /api/connections/{connection}/verify': tend,
  'GET /api/deliveries': read,
  'GET /api/deliveries/{delivery_id}': read,

  'PUT /api/artifacts/{execution_id}/{key}': orAgent(work),
  'GET /api/artifacts/{execution_id}/{key}': orAgent(read),
  'GET /api/artifacts/{execution_id}/{key}/upload': orAgent(work),
  'POST /api/artifacts/{execution_id}/{key}/metadata': orAgent(work),
  'GET /api/artifacts/{execution_id}': read,
  'DELETE /api/artifacts/{execution_id}/{key}': work,

  'GET /api/dashboard/events': read,
  'POST /api/dashboard/jobs': work,
  'GET /api/dashboard/jobs': read,
  'GET /api/dashboard/jobs/running': read,
  'GET /api/dashboard/jobs/{job_id}': read,
  'PATCH /api/dashboard/jobs/{job_id}': tend,
  'PATCH /api/dashboard/jobs/{job_id}/complete': tend,
  'POST /api/dashboard/jobs/{job_id}/retry': work,
  'POST /api/dashboard/jobs/{job_id}/cancel': work,
  'GET /api/dashboard/deployments': read,
  'GET /api/dashboard/deployments/service/{service_name}': read,
  'GET /api/dashboard/deployments/{deployment_id}': read,
  'GET /api/dashboard/services': read,
  'GET /api/dashboard/services/{service_name}/deployments': read,
  'GET /api/dashboard/summary': read,

  'GET /api/operations/projections': 'installation',
  'POST /api/operations/projections/{service}/{name}/rebuild': 'installation',
  'POST /api/operations/projections/{service}/{name}/replay': 'installation',
  'GET /api/operations/consumers': 'installation',
  'POST /api/operations/consumers/{durable}/replay': 'installation',
  'GET /api/operations/doctor': 'installation',

  'GET /auth/sign-in': 'everybody',
  'GET /auth/login/{provider}': 'everybody',
  'GET /auth/callback/{provider}': 'everybody',
  'GET /auth/invitation': 'everybody',
  'POST /auth/invitation': 'everybody',
  'POST /auth/invitation/accept': 'everybody',
  'POST /auth/session': 'everybody',
  'POST /auth/validate': 'everybody',
  'POST /auth/logout': 'everybody',
  'GET /auth/sessions': 'people',
  'DELETE /auth/sessions/{session_id}': 'people',
  'POST /auth/device': 'everybody',
  'POST /auth/device/token': 'everybody',
  'GET /auth/device': 'everybody',
  'POST /auth/device/answer': 'everybody',

  'GET /api/roles': read,
  'GET /api/organisations': 'installation',
  'POST /api/organisations': 'installation',
  'GET /api/users': oversee,
  'GET /api/users/me': 'people',
  'GET /api/users/{user_id}': oversee,
  'PUT /api/users/{user_id}/roles': govern,
  'DELETE /api/users/{user_id}': govern,
  'DELETE /api/users/{user_id}/sessions': govern,
  'GET /api/invitations': oversee,
  'POST /api/invitations': govern,
  'DELETE /api/invitations/{invitation_id}': govern,
  'GET /api/keys': read,
  'POST /api/keys': read,
  'DELETE /api/keys/{key_id}': read,
  'GET /api/join-tokens': oversee,
  'POST /api/join-tokens': govern,
  'DELETE /api/join-tokens/{token_id}': govern,
  'GET /api/trust-rules': oversee,
  'POST /api/trust-rules': govern,
  'DELETE /api/trust-rules/{rule_id}': govern,
};

/** `/api/runs/:run_id` of the router is `/api/runs/{run_id}` here and in the API's document. */
export function routeName(method: string, url: string): string {
  return `${method === 'HEAD' ? 'GET' : method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`;
}

/** Routes of the router that nobody said anything about, and rows that no route has. */
export function tableFaults(routes: Iterable<string>, table = ACCESS): string[] {
  const known = new Set(routes);
  return [
    ...[...known].filter((route) => !table[route]).map((route) => `${route} is not in the access table`),
    ...Object.keys(table)
      .filter((route) => !known.has(route))
      .map((route) => `${route} of the access table is no route`),
  ];
}
