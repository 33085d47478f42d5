/** What everything that we make on an engine is labelled with, and the removal of what nobody owns any more. */
import type Docker from 'dockerode';
import { readFile, readlink } from 'node:fs/promises';
import { pause } from './backoff.js';
import { removeContainer, statusOf } from './docker-engine.js';
import { identityOf, isAlive } from './process-identity.js';

const AGENT = 'hybrid.agent';
const JOB = 'hybrid.job';
const ATTEMPT = 'hybrid.attempt';
/** `<boot> <process namespace> <pid> <start time>` of the process that made it; empty where the system does not tell. */
const OWNER = 'hybrid.owner';

/** Milliseconds between two looks at what is being removed. */
const AGAIN_MS = 50;

export async function labelsOf(
  agentId: string,
  job: { jobId: string; attempt: number },
): Promise<Record<string, string>> {
  return {
    [AGENT]: agentId,
    [JOB]: job.jobId,
    [ATTEMPT]: String(job.attempt),
    [OWNER]: await thisOwner(),
  };
}

/**
 * Removes what an earlier life of this agent left, and what belongs to a process that is provably gone; answers how many
 * things. Another living agent's things, and those of which nothing can be proved, are not touched.
 */
export async function sweepEngine(engine: Docker, agentId: string): Promise<number> {
  const here = await thisOwner();
  const abandoned = async (labels: Record<string, string> | null | undefined): Promise<boolean> => {
    const owner = labels?.[OWNER];
    // Where the system does not tell owners apart, everything under the id was left: this process has made nothing yet.
    if (agentId !== '' && labels?.[AGENT] === agentId && (here === '' || owner !== here)) return true;
    return owner !== undefined && (await isGone(owner, here));
  };
  const filters = { label: [AGENT] };
  let removed = 0;
  const containers = await engine.listContainers({ all: true, filters });
  for (const { Id, Labels } of containers) {
    if (!(await abandoned(Labels))) continue;
    removed += await gone(removeContainer(engine, Id));
  }
  for (const { Name, Labels } of (await engine.listVolumes({ filters })).Volumes ?? []) {
    if (await abandoned(Labels)) removed += await gone(engine.getVolume(Name).remove({ force: true }));
  }
  for (const { Id, Labels } of await engine.listNetworks({ filters })) {
    if (await abandoned(Labels)) removed += await gone(engine.getNetwork(Id).remove());
  }
  return removed;
}

/** Removes everything under the id, whoever made it, until nothing of it is left: for a program that ends without waiting. */
export async function removeAllOf(engine: Docker, agentId: string): Promise<void> {
  const filters = { label: [`${AGENT}=${agentId}`] };
  for (;;) {
    const containers = await engine.listContainers({ all: true, filters });
    const { Volumes } = await engine.listVolumes({ filters });
    const networks = await engine.listNetworks({ filters });
    if (containers.length + (Volumes?.length ?? 0) + networks.length === 0) return;
    // What the step itself is removing at this moment refuses, and is gone at the next look.
    await Promise.allSettled(containers.map(({ Id }) => removeContainer(engine, Id)));
    await Promise.allSettled((Volumes ?? []).map(({ Name }) => engine.getVolume(Name).remove()));
    await Promise.allSettled(networks.map(({ Id }) => engine.getNetwork(Id).remove()));
    await pause(AGAIN_MS);
  }
}

/**
 * What the engine refuses to remove stays: another agent's sweep may have been faster, or be about it still, and one thing
 * that cannot be removed must not keep an agent from its work. Throws where the engine does not answer.
 */
async function gone(removal: Promise<unknown>): Promise<number> {
  try {
    await removal;
    return 1;
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return 0;
  }
}

/** True where boot and process namespace are ours, so that the process could be seen, and it is not there. */
async function isGone(owner: string, here: string): Promise<boolean> {
  const [boot, namespace, ...identity] = owner.split(' ');
  const [ourBoot, ourNamespace] = here.split(' ');
  if (!boot || !namespace || boot !== ourBoot || namespace !== ourNamespace) return false;
  return !(await isAlive(identity.join(' ')));
}

let own: Promise<string> | undefined;

function thisOwner(): Promise<string> {
  own ??= (async () => {
    try {
      const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
      return `${boot} ${await readlink('/proc/self/ns/pid')} ${await identityOf(process.pid)}`;
    } catch {
      return '';
    }
  })();
  return own;
}
