/** Runs each script in a container of its own: no capabilities, no new privileges, bounded memory and processes. */
import type Docker from 'dockerode';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { endContainer, removeContainer, statusOf, DockerProblem } from './docker-engine.js';
import { ensureImage } from './docker-image.js';
import { pumpOutput } from './docker-output.js';
import type { Executor, FinishedScript, OutputSink, Script } from './executor.js';
import { packTexts, packTree } from '../files/tree-archive.js';
import { unpackTree } from '../files/tree-unpack.js';

/** Bytes. A build of a middle-sized web application peaks at about 1.5 GiB. */
const MEMORY = 2 * 1024 ** 3;
const PIDS = 512;
/** Bytes that the files for outputs and progress may have. */
const OWN_FILE_MAX = 2 * 1024 * 1024;
/** Folder in the container for what must not lie in the workspace. */
const OWN = '/hybrid';

export class DockerExecutor implements Executor {
  readonly name = 'docker';

  constructor(
    private readonly engine: Docker,
    private readonly agentId: () => string,
    private readonly defaultImage: string,
  ) {}

  async run(
    script: Script,
    sink: OutputSink,
    log: (text: string) => void,
    signal: AbortSignal,
  ): Promise<FinishedScript> {
    const image = script.image ?? this.defaultImage;
    await ensureImage(this.engine, image, log, signal);
    const labels = {
      'hybrid.agent': this.agentId(),
      'hybrid.job': script.jobId,
      'hybrid.attempt': String(script.attempt),
    };
    const volume = `hybrid-${randomUUID()}`;
    await this.engine.createVolume({ Name: volume, Labels: labels });
    const container = await this.#create(script, image, labels, volume).catch(async (error: Error) => {
      await this.engine.getVolume(volume).remove({ force: true });
      throw error;
    });
    const dispose = (): Promise<void> => removeContainer(this.engine, container.id, volume);
    const over = new AbortController();
    const end = (): void => void endContainer(container, over.signal);
    signal.addEventListener('abort', end, { once: true });
    try {
      const tree = packTree(script.workspace, { outsideLinks: 'keep' });
      await container.putArchive(Readable.from(tree, { objectMode: false }), { path: script.workDir });
      const own = packTexts({
        [`${OWN.slice(1)}/script.sh`]: script.text,
        [`${OWN.slice(1)}/output`]: '',
        [`${OWN.slice(1)}/progress`]: '',
      });
      await container.putArchive(Readable.from(own, { objectMode: false }), { path: '/' });
      const output = await container.attach({ stream: true, stdout: true, stderr: true });
      signal.throwIfAborted();
      await container.start();
      // An abort between the check and the start found nothing to kill.
      if (signal.aborted) end();
      script.progressFrom(() => this.#ownFile(container, script, 'progress'));
      await pumpOutput(output as unknown as AsyncIterable<Buffer>, sink);
      // The output can end early when the connection breaks; the container itself says when it is over.
      const { StatusCode: exitCode } = (await container.wait()) as { StatusCode: number };
      signal.throwIfAborted();
      const { State } = await container.inspect();
      return {
        exitCode,
        note:
          exitCode === 137 && State.OOMKilled
            ? `it was killed for using more than ${MEMORY / 1024 ** 3} GiB of memory`
            : undefined,
        collect: (relative) => collect(container, script, relative),
        outputs: () => this.#ownFile(container, script, 'output'),
        dispose,
      };
    } catch (error) {
      await dispose();
      signal.throwIfAborted();
      throw error;
    } finally {
      over.abort();
      signal.removeEventListener('abort', end);
    }
  }

  async sweep(): Promise<number> {
    const filters = { label: [`hybrid.agent=${this.agentId()}`] };
    const containers = await this.engine.listContainers({ all: true, filters });
    for (const { Id } of containers) await removeContainer(this.engine, Id);
    const { Volumes } = await this.engine.listVolumes({ filters });
    for (const { Name } of Volumes ?? []) await this.engine.getVolume(Name).remove({ force: true });
    return containers.length + (Volumes?.length ?? 0);
  }

  async #create(
    script: Script,
    image: string,
    labels: Record<string, string>,
    volume: string,
  ): Promise<Docker.Container> {
    const env = {
      ...script.env,
      HYBRID_OUTPUT: `${OWN}/output`,
      HYBRID_PROGRESS: `${OWN}/progress`,
      HYBRID_WORKSPACE: script.workDir,
    };
    try {
      return await this.engine.createContainer({
        Image: image,
        Entrypoint: ['sh'],
        Cmd: ['-e', `${OWN}/script.sh`],
        WorkingDir: script.workDir,
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        // The files that are copied in are root's; without capabilities root is an ordinary user of the container.
        User: '0:0',
        Labels: labels,
        AttachStdin: false,
        HostConfig: {
          Memory: MEMORY,
          MemorySwap: MEMORY,
          PidsLimit: PIDS,
          CapDrop: ['ALL'],
          SecurityOpt: ['no-new-privileges'],
          NetworkMode: script.network,
          Mounts: [
            {
              Type: 'volume',
              Source: volume,
              Target: script.workDir,
              VolumeOptions: { NoCopy: true } as Docker.MountSettings['VolumeOptions'],
            },
          ],
        },
      });
    } catch (cause) {
      throw new DockerProblem(`no container can be made of the image ${image}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  async #ownFile(container: Docker.Container, script: Script, name: 'output' | 'progress'): Promise<string> {
    const folder = join(script.scratch, name);
    await mkdir(folder, { recursive: true });
    const archive = await container.getArchive({ path: `${OWN}/${name}` });
    await unpackTree(archive as AsyncIterable<Buffer>, folder, { entries: 1, bytes: OWN_FILE_MAX });
    return readFile(join(folder, name), 'utf8');
  }
}

/** Copies a file or folder of the workspace out of the stopped container. */
async function collect(
  container: Docker.Container,
  script: Script,
  relative: string,
): Promise<string | undefined> {
  const path = posix.join(script.workDir, relative);
  const folder = join(
    script.scratch,
    'collected',
    relative === '.' ? 'whole' : relative.replaceAll('/', '+'),
  );
  let archive: NodeJS.ReadableStream;
  try {
    archive = await container.getArchive({ path });
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
  await mkdir(folder, { recursive: true });
  await unpackTree(archive as AsyncIterable<Buffer>, folder);
  return join(folder, posix.basename(path));
}
