/** How the container of a script is made: everything that it may not do is said here. */
import type Docker from 'dockerode';
import { stat } from 'node:fs/promises';
import { StepProblem } from '../step.js';
import { OWN } from './docker-files.js';
import type { Script } from './executor.js';
import { allowedMounts, boundsOf, type AllowedMount, type Bounds, type SandboxSettings } from './limits.js';

/** Home of a user who may not write to the image's. */
export const OWN_HOME = `${OWN}/home`;
const SOCKET = '/var/run/docker.sock';
/** Nanoseconds of CPU in a second of one core. */
const NANO = 1e9;

export interface ContainerPlan {
  options: Docker.ContainerCreateOptions;
  bounds: Bounds;
  /** As the engine is told it. */
  user: string;
  /** Told by the pipeline or by us; else that of the user in the image. */
  home?: string;
  /** To be looked at again when it starts. */
  mounts: AllowedMount[];
}

export async function planContainer(
  script: Script,
  image: { name: string; config: { Env?: string[]; User?: string } },
  { settings, labels, network, socketPath }: PlanContext,
): Promise<ContainerPlan> {
  const limits = script.limits ?? {};
  const bounds = boundsOf(limits, settings);
  const mounts = await allowedMounts(limits.mounts ?? [], settings.allowMounts ?? []);
  // The files that are copied in are root's; without capabilities root is an ordinary user of the container.
  const user = limits.user ?? ((script.program && image.config.User) || '0:0');
  const ownHome = limits.read_only === true || (limits.user !== undefined && !/^(0|root)(:|$)/.test(user));
  const home =
    script.env['HOME'] ??
    (ownHome ? OWN_HOME : image.config.Env?.find((one) => one.startsWith('HOME='))?.slice('HOME='.length));
  const env = {
    ...(ownHome && { HOME: OWN_HOME }),
    ...script.env,
    HYBRID_WORKSPACE: script.workDir,
    ...Object.fromEntries(ownFilesOf(script).map((variable) => [variable, `${OWN}/${variable}`])),
  };
  const socket = limits.docker_socket ? await engineSocket(settings, socketPath) : undefined;
  const volume = (target: string): Docker.MountSettings =>
    // Without a name: it goes with its container.
    ({
      Type: 'volume',
      Target: target,
      VolumeOptions: { NoCopy: true, Labels: labels },
    }) as Docker.MountSettings;
  return {
    bounds,
    user,
    home,
    mounts,
    options: {
      Image: image.name,
      ...programOf(script),
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      User: user,
      Labels: labels,
      AttachStdin: false,
      HostConfig: {
        ...hardened(bounds),
        NetworkMode: network,
        ReadonlyRootfs: limits.read_only === true,
        ...(limits.read_only && { Tmpfs: { '/tmp': 'rw,exec,nosuid,nodev,mode=1777' } }),
        ...(socket && { GroupAdd: [socket.group] }),
        // The output is read as it comes; the engine need not keep it as well.
        LogConfig: { Type: 'none', Config: {} },
        Mounts: [
          volume(script.workDir),
          volume(OWN),
          ...mounts.map(({ source, target, read_only }) => bind(source, target, read_only)),
          ...(socket ? [bind(socket.path, SOCKET, false)] : []),
        ],
      },
    },
  };
}

export interface PlanContext {
  settings: SandboxSettings;
  labels: Record<string, string>;
  /** `bridge`, `none`, or the name of a network of the job's own. */
  network: string;
  /** Of the engine, where it is reached by one. */
  socketPath?: string;
}

/** Without capabilities and new privileges, within its bounds. */
export function hardened({ memory, cpu, pids }: Bounds): Docker.HostConfig {
  return {
    Memory: memory,
    MemorySwap: memory,
    ...(cpu !== undefined && { NanoCpus: Math.round(cpu * NANO) }),
    PidsLimit: pids,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
  };
}

export function ownFilesOf(script: Script): string[] {
  return ['HYBRID_OUTPUT', 'HYBRID_PROGRESS', ...(script.ownFiles ?? [])];
}

function programOf({ program, shell, workDir }: Script): Partial<Docker.ContainerCreateOptions> {
  if (!program) return { Entrypoint: [shell ?? 'sh'], Cmd: ['-e', `${OWN}/script.sh`], WorkingDir: workDir };
  return {
    ...(program.entrypoint && { Entrypoint: program.entrypoint }),
    ...(program.command && { Cmd: program.command }),
    ...(program.inWorkspace && { WorkingDir: workDir }),
  };
}

function bind(source: string, target: string, readOnly: boolean): Docker.MountSettings {
  return { Type: 'bind', Source: source, Target: target, ReadOnly: readOnly };
}

async function engineSocket(
  { allowDockerSocket }: SandboxSettings,
  path: string | undefined,
): Promise<{ path: string; group: string }> {
  if (!allowDockerSocket)
    throw new StepProblem(
      'config.docker_socket: this agent gives no step the socket of its Docker engine, which makes a step root of the ' +
        'machine: start it with --allow-docker-socket, or build images with step.docker_build',
    );
  if (path === undefined)
    throw new StepProblem(
      'config.docker_socket: this agent reaches its Docker engine over the network, not by a socket',
    );
  return { path, group: String((await stat(path)).gid) };
}
