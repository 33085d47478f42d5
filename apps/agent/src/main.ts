import { UNTRUSTED_JOBS } from '@hybrid/contracts';
import { openStore } from '@hybrid/stores';
import {
  type CachePlace,
  DataDirectory,
  DataDirectoryError,
  killAllGroups,
  Masker,
  pause,
  SecretsFileError,
  VaultSettingsError,
} from '@hybrid/steps';
import { startTelemetry } from '@hybrid/telemetry';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Agent } from './agent.js';
import { chooseExecutor } from './choose-executor.js';
import { CommitStatuses } from './commit-status.js';
import { GatewayClient } from './gateway-client.js';
import { openSecrets, sourcesOf, tellSecrets } from './open-secrets.js';
import { serveHealth } from './health-server.js';
import { openLogKeeping } from './log-keeping.js';
import { notifyOnStderr as notify } from './notices.js';
import { RegistrationError } from './registration.js';
import { openSealing } from './sealing.js';
import {
  readJoinToken,
  readSettings,
  SettingsError,
  workloadTokenSource,
  type Settings,
} from './settings.js';
import { JobTrust } from './trust.js';
import { Spool } from './spool.js';
import { SpoolRoom } from './spool-room.js';
import { WorkloadIdentity } from './workload-identity.js';

declare const HYBRID_VERSION: string;

/** Milliseconds for the last spans and commit statuses to be delivered. */
const LAST_MS = 5_000;
const MB = 1024 ** 2;

async function cachePlace(settings: Settings, data: string): Promise<CachePlace | undefined> {
  if (settings.cacheSizeMb === 0) return undefined;
  return {
    store: await openStore(settings.cacheStore ?? pathToFileURL(join(data, 'cache')).href),
    sharedBranches: settings.cacheBranch,
    sizeLimit: settings.cacheSizeMb * MB,
  };
}

async function main(): Promise<void> {
  const version = typeof HYBRID_VERSION === 'string' ? HYBRID_VERSION : '0.0.0';
  const { settings, printOnly, checkSecrets, shown } = readSettings(process.argv, process.env, version);
  if (printOnly) return void process.stdout.write(shown);
  const joinToken = readJoinToken(settings.joinTokenFile);
  const source = workloadTokenSource(settings, joinToken);
  // The token of the first start is the agent's own secret: no step may print it.
  const masker = new Masker(joinToken ? [joinToken] : []);
  const secrets = await openSecrets(settings, masker, notify);
  if (checkSecrets) return tellSecrets(secrets);
  const keeping = await openLogKeeping(settings);
  const sealing = await openSealing(settings);
  const data = await DataDirectory.open(settings.data, 'agent', '--data');
  const workspaces = join(data.path, 'workspaces');
  await mkdir(workspaces, { recursive: true, mode: 0o700 });
  let agentId = '';
  const executor = await chooseExecutor(settings, workspaces, () => agentId);
  const stopTelemetry = await startTelemetry('agent');

  const gateway = new GatewayClient(settings.url, notify);
  const { organisation } = settings;
  const secret = (name: string, signal: AbortSignal): Promise<string> => secrets.get(name, signal);
  const statuses = new CommitStatuses({ forges: settings.status, secret, notify });
  const agent = new Agent({
    gateway,
    executor,
    secrets,
    sources: sourcesOf(settings, secrets, data.path),
    statuses,
    masker,
    notify,
    spool: new Spool(join(data.path, 'spool'), new SpoolRoom(settings.spoolLimitMb * MB), notify, keeping),
    artifacts: settings.artifactStore === undefined ? undefined : await openStore(settings.artifactStore),
    sealing,
    trust: await JobTrust.open(settings, data, gateway),
    deployTo: settings.deployTo,
    caches: await cachePlace(settings, data.path),
    workspaces,
    data,
    joinToken,
    workload: source && new WorkloadIdentity({ gateway, masker, source, organisation }),
    registration: {
      name: settings.name,
      pool: settings.pool,
      labels: settings.label,
      region: settings.region,
      capabilities: [...new Set([executor.name, UNTRUSTED_JOBS, ...settings.capability])],
      capacity: settings.capacity,
      version,
    },
    drainTimeoutSeconds: settings.onStop === 'finish' ? settings.drainTimeout : 0,
    jobs: settings.disconnectAfterJob ? 1 : Infinity,
    idleSeconds: settings.disconnectAfterIdle ?? Infinity,
    minFreeDiskBytes: settings.minFreeDiskMb * MB,
    onReady: (id) =>
      console.log(
        JSON.stringify({
          ready: true,
          service: 'agent',
          agent_id: id,
          name: settings.name,
          executor: executor.name,
        }),
      ),
    async sweep(id) {
      agentId = id;
      const found = await executor.sweep();
      for (const job of await readdir(workspaces))
        await rm(join(workspaces, job), { recursive: true, force: true });
      if (found > 0) notify(`removed ${found} leftover(s) of jobs that did not end`);
    },
  });

  if (settings.healthAddress) {
    const { url } = await serveHealth(settings.healthAddress, () => agent.health);
    notify(`health is told at ${url}/health/ready`);
  }

  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) {
        killAllGroups();
        process.exit(130);
      }
      asked = true;
      agent.stop();
    });
  }
  await agent.run();
  // What cannot be delivered must not keep the agent from ending.
  const last = Promise.all([stopTelemetry().catch(() => undefined), statuses.settled()]);
  await Promise.race([last, pause(LAST_MS)]);
  notify('stopped');
}

main().then(
  // Idle connections to the gateway would keep the process for a while.
  () => process.exit(),
  (error: Error) => {
    killAllGroups();
    const expected = [
      SettingsError,
      SecretsFileError,
      VaultSettingsError,
      DataDirectoryError,
      RegistrationError,
    ].some((kind) => error instanceof kind);
    notify(expected ? error.message : `unexpected: ${error.stack ?? error.message}`);
    process.exit(1);
  },
);
