/** Artifacts of local runs, as files of this machine: `<run>/<key>.artifact` is the bytes, `….json` beside it what they are. */
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactRef } from '@hybrid/contracts';
import { fileSha256 } from '@hybrid/stores';
import { packArtifact, StepProblem, type ArtifactStore, type Downloaded } from '@hybrid/steps';

/** What the language allows for keys and what run ids are made of: neither can leave the folder. */
const NAME = /^(?!\.)[A-Za-z0-9._-]{1,200}$/;

interface Kept extends ArtifactRef {
  isTree: boolean;
}

export class LocalArtifacts implements ArtifactStore {
  constructor(
    /** Folder of the runs' folders. */
    private readonly folder: string,
    private readonly signal: AbortSignal,
  ) {}

  async upload(execution: string, key: string, path: string): Promise<ArtifactRef> {
    const place = this.#placeOf(execution, key);
    await mkdir(join(this.folder, execution), { recursive: true, mode: 0o700 });
    const part = `${place}.part`;
    const isTree = (await stat(path)).isDirectory();
    try {
      if (isTree) await packArtifact(path, key, part, this.signal);
      else await copyFile(path, part);
      const artifact = { key, sha256: await fileSha256(part), size: (await stat(part)).size };
      await rename(part, place);
      await writeFile(`${place}.json`, JSON.stringify({ ...artifact, isTree } satisfies Kept));
      return artifact;
    } finally {
      await rm(part, { force: true });
    }
  }

  async download(execution: string, key: string): Promise<Downloaded> {
    const kept = await this.#read(execution, key);
    const file = this.#placeOf(execution, key);
    const sha256 = await fileSha256(file);
    if (sha256 !== kept.sha256)
      throw new StepProblem(
        `the artifact ${key} of ${execution} is not what was stored: its SHA-256 is ${sha256} and was ${kept.sha256}; run the step that stores it again`,
      );
    return { ...kept, file };
  }

  async look(execution: string, key: string): Promise<ArtifactRef> {
    const { sha256, size } = await this.#read(execution, key);
    return { key, sha256, size };
  }

  async #read(execution: string, key: string): Promise<Kept> {
    try {
      return JSON.parse(await readFile(`${this.#placeOf(execution, key)}.json`, 'utf8')) as Kept;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      throw new StepProblem(
        `the artifact ${key} of ${execution} is not there: the step that stores it must run before, in the same run; of earlier runs only those of \`hybrid exec\` on this machine are known`,
        { cause },
      );
    }
  }

  #placeOf(execution: string, key: string): string {
    for (const name of [execution, key])
      if (!NAME.test(name))
        throw new StepProblem(`${JSON.stringify(name)} cannot name an artifact; letters, digits, . _ - can`);
    return join(this.folder, execution, `${key}.artifact`);
  }
}
