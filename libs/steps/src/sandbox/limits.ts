/** What bounds a sandbox: what a step asks for, within what the agent allows. */
import { realpath } from 'node:fs/promises';
import { posix, sep } from 'node:path';
import { ifMissing } from '../files/workspace-path.js';
import { StepProblem } from '../step.js';

/** As a step's config has them. */
export interface SandboxLimits {
  /** Bytes, swap included. */
  memory?: number;
  /** Cores; all of the machine unless told: a share that nobody wants is not wasted. */
  cpu?: number;
  /** Processes and threads. */
  pids?: number;
  /** The root file system can only be read; the workspace, /tmp and the home of the user can be written. */
  read_only?: boolean;
  /** `name`, `uid`, `name:group` or `uid:gid`; 0 for shell commands, else the image's. */
  user?: string;
  /** Folders of the agent's machine that its settings allow. */
  mounts?: { source: string; target: string; read_only: boolean }[];
  /** The engine's socket at /var/run/docker.sock, where the agent's settings allow it. */
  docker_socket?: boolean;
}

/** What the owner of the machine allows. */
export interface SandboxSettings {
  /** What a step gets that asks for nothing, and the most that it may ask for; not told: no more than the machine bounds it. */
  memory?: number;
  cpu?: number;
  pids?: number;
  /** Folders that steps may mount, and what lies in them. */
  allowMounts?: string[];
  allowDockerSocket?: boolean;
}

/** Bytes. A build of a middle-sized web application peaks at about 1.5 GiB. */
export const DEFAULT_MEMORY = 2 * 1024 ** 3;
/** A fork bomb ends here; `make -j` and a browser under test have room. */
export const DEFAULT_PIDS = 512;

export interface Bounds {
  memory: number;
  cpu?: number;
  pids: number;
}

/** Throws StepProblem where the step asks for more than the agent allows. */
export function boundsOf(limits: SandboxLimits, settings: SandboxSettings): Bounds {
  const bound = (name: 'memory' | 'cpu' | 'pids', show: (value: number) => string): number | undefined => {
    const [asked, most] = [limits[name], settings[name]];
    if (asked !== undefined && most !== undefined && asked > most)
      throw new StepProblem(
        `config.${name} asks for ${show(asked)}, and this agent gives a step ${show(most)} at most: ` +
          `ask for less, or raise its --step-${name}`,
      );
    return asked ?? most;
  };
  return {
    memory: bound('memory', showBytes) ?? DEFAULT_MEMORY,
    cpu: bound('cpu', (cores) => `${cores} cores`),
    pids: bound('pids', (count) => `${count} processes`) ?? DEFAULT_PIDS,
  };
}

export interface AllowedMount {
  /** Without links. */
  source: string;
  target: string;
  read_only: boolean;
}

/** Each with its source after links. Throws StepProblem for one that the agent does not allow. */
export async function allowedMounts(
  mounts: NonNullable<SandboxLimits['mounts']>,
  allowed: string[],
): Promise<AllowedMount[]> {
  if (mounts.length === 0) return [];
  const roots = await Promise.all(allowed.map((folder) => realpath(folder).catch(ifMissing)));
  return Promise.all(
    mounts.map(async ({ source, target, read_only }) => {
      const real = posix.isAbsolute(source) ? await realpath(source).catch(ifMissing) : undefined;
      const inside = roots.some(
        (root) => root !== undefined && (real === root || real?.startsWith(root === sep ? sep : root + sep)),
      );
      // One answer for a folder that is missing and one that is forbidden: a step shall not learn what lies on the machine.
      if (real === undefined || !inside)
        throw new StepProblem(
          `config.mounts: ${source} is not a folder that this agent lets steps mount: ` +
            (allowed.length > 0 ? `it allows ${allowed.join(', ')}` : 'it allows none') +
            ' (its --allow-mounts)',
        );
      return { source: real, target, read_only };
    }),
  );
}

/**
 * Throws StepProblem where a link stands in a mount's source by now: the engine follows links when it mounts, and who may
 * write to an allowed folder can put one there.
 */
export async function checkMounts(mounts: AllowedMount[]): Promise<void> {
  for (const { source } of mounts) {
    if ((await realpath(source).catch(ifMissing)) !== source)
      throw new StepProblem(
        `config.mounts: ${source} was replaced while the step was prepared, and is not mounted: something else writes there`,
      );
  }
}

/** Such as `512 MiB`. */
export function showBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${Number((bytes / 1024 ** step).toFixed(1))} ${units[step]}`;
}
