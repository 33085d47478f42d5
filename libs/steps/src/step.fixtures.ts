/** What specs of single steps need: a workspace, a log that can be read, a store that remembers. */
import type { JobSpec } from '@hybrid/contracts';
import { fileSha256 } from '@hybrid/stores';
import { afterEach, beforeEach } from '@jest/globals';
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArtifactStore } from './files/artifact-store.js';
import { Masker } from './output/masking.js';
import type { Executor } from './sandbox/executor.js';
import { ProcessExecutor } from './sandbox/process-executor.js';
import { Secrets } from './secrets/secrets.js';
import { StepProblem, type StepContext } from './step.js';

export interface StepBench {
  /** Absolute path. */
  readonly workspace: string;
  /** Of the step that was made last: `stream text`. */
  readonly log: string[];
  /** Texts by key. */
  readonly stored: Map<string, string>;
  step(type: string, config: Record<string, unknown>, more?: StepMore): StepContext;
}

interface StepMore {
  env?: Record<string, string>;
  executor?: Executor;
  secrets?: Map<string, string>;
  signal?: AbortSignal;
  jobId?: string;
  attempt?: number;
  deployTo?: string[];
}

export function stepBench(): StepBench {
  const log: string[] = [];
  const stored = new Map<string, string>();
  let folder: string;
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'hybrid-steps-')));
    await mkdir(join(folder, 'workspace'));
    await mkdir(join(folder, 'scratch'));
    stored.clear();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const store: ArtifactStore = {
    upload: async (_execution, key, path) => {
      const text = await readFile(path, 'utf8');
      stored.set(key, text);
      return { key, sha256: await fileSha256(path), size: Buffer.byteLength(text) };
    },
    download: async (_execution, key) => Promise.reject(new StepProblem(`no artifact ${key}`)),
    look: async (_execution, key) => Promise.reject(new StepProblem(`no artifact ${key}`)),
  };
  return {
    log,
    stored,
    get workspace() {
      return join(folder, 'workspace');
    },
    step: (type, config, { env = {}, secrets = new Map(), ...more } = {}) => {
      log.length = 0;
      const spec: JobSpec = {
        step: { id: 'the-step', name: 'the-step', type, config },
        env,
        execution_id: 'the-run',
      };
      return {
        job: {
          id: more.jobId ?? 'the-job',
          attempt: more.attempt ?? 1,
          run_id: 'the-run',
          spec,
        } as StepContext['job'],
        workspace: join(folder, 'workspace'),
        scratch: join(folder, 'scratch'),
        traceparent: '',
        executor: more.executor ?? new ProcessExecutor(folder),
        store,
        secrets: new Secrets(secrets),
        masker: new Masker(secrets.values()),
        log: (stream, text) => void log.push(`${stream} ${text}`),
        logRoom: async () => undefined,
        tellProgress: async () => undefined,
        deployTo: more.deployTo ?? ['*'],
        signal: more.signal ?? new AbortController().signal,
      };
    },
  };
}
