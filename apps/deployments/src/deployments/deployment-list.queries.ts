/** What the table of deployments tells beyond its pages. */
import {
  problem,
  type DeploymentFigures,
  type DeploymentStatus,
  type ListQuery,
  type Page,
  type ServiceEnvironment,
  type ServiceView,
} from '@hybrid/contracts';
import type { Connections } from '@hybrid/service';
import type { DeploymentState } from './deployment.decider.js';

type Pool = Connections['pool'];

const DEFAULT_LIMIT = 50;

/** The last of this service in this environment that had succeeded when the other one was requested. */
export async function previousOf(
  pool: Pool,
  org: string,
  deploymentId: string,
  { requested }: DeploymentState,
): Promise<string | null> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from deployments.deployments
      where org = $1 and service = $2 and environment = $3 and status = 'SUCCEEDED' and id <> $4
        and state->>'completed_at' <= $5
      order by state->>'completed_at' desc limit 1`,
    [org, requested?.service, requested?.environment, deploymentId, requested?.at],
  );
  return rows[0]?.id ?? null;
}

export async function figuresOf(pool: Pool, org: string): Promise<DeploymentFigures> {
  const { rows } = await pool.query<{ status: DeploymentStatus; staging: boolean; things: string }>(
    `select status, environment = 'staging' as staging, count(*) as things from deployments.deployments
      where org = $1 group by 1, 2`,
    [org],
  );
  const count = (those: (row: (typeof rows)[number]) => boolean): number =>
    rows.filter(those).reduce((total, { things }) => total + Number(things), 0);
  return {
    total: count(() => true),
    active: count(({ status }) => ['REQUESTED', 'RUNNING', 'HEALTHY'].includes(status)),
    staging: count(({ staging }) => staging),
    failed: count(({ status }) => ['FAILED', 'ROLLED_BACK'].includes(status)),
  };
}

interface LatestRow {
  service: string;
  environment: string;
  id: string;
  created_at: Date;
  state: DeploymentState;
}

/** By name. A cursor is the last name of the page before. */
export async function servicesOf(
  pool: Pool,
  org: string,
  { limit = DEFAULT_LIMIT, cursor }: ListQuery,
): Promise<Page<ServiceView>> {
  const after = cursor === undefined ? '' : nameOf(cursor);
  const [{ rows: names }, { rows: counted }] = await Promise.all([
    pool.query<{ service: string }>(
      `select service collate "C" as service from deployments.deployments
        where org = $1 and service collate "C" > $2 group by 1 order by 1 limit $3`,
      [org, after, limit + 1],
    ),
    pool.query<{ total: string }>(
      'select count(distinct service) as total from deployments.deployments where org = $1',
      [org],
    ),
  ]);
  const shown = names.slice(0, limit).map(({ service }) => service);
  const [latest, current] = await Promise.all([
    newest(pool, org, shown, 'true'),
    newest(pool, org, shown, `status = 'SUCCEEDED'`),
  ]);
  const items = shown.map((service) => ({
    service,
    environments: latest
      .filter((row) => row.service === service)
      .map((row) =>
        environmentOf(
          row,
          current.find((one) => one.service === service && one.environment === row.environment),
        ),
      ),
  }));
  return {
    items,
    total: Number(counted[0]!.total),
    next_cursor: names.length > limit ? Buffer.from(shown.at(-1)!).toString('base64url') : null,
  };
}

async function newest(pool: Pool, org: string, services: string[], which: string): Promise<LatestRow[]> {
  const { rows } = await pool.query<LatestRow>(
    `select distinct on (service, environment) service, environment, id, created_at, state
      from deployments.deployments where org = $1 and service = any($2) and ${which}
      order by service, environment, created_at desc, id desc`,
    [org, services],
  );
  return rows;
}

function environmentOf(latest: LatestRow, current: LatestRow | undefined): ServiceEnvironment {
  return {
    environment: latest.environment,
    image: current?.state.requested?.image ?? null,
    deployment_id: current?.id ?? null,
    deployed_at: current?.state.completed_at ?? null,
    latest: {
      deployment_id: latest.id,
      image: latest.state.requested?.image ?? '',
      status: latest.state.status!,
      created_at: latest.created_at.toISOString(),
    },
  };
}

function nameOf(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString();
  if (name.includes('\0')) throw problem('invalid', 'invalid_cursor', 'the cursor is not one of this list');
  return name;
}
