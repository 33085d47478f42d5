/** Runs steps against a real engine without an agent: what every spec of sandboxes and Docker steps needs. */
import type { JobSpec } from '@hybrid/contracts';
import { engineForTests, importBusybox } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from '@jest/globals';
import type Docker from 'dockerode';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DockerExecutor } from '../src/sandbox/docker-executor.js';
import type { Executor } from '../src/sandbox/executor.js';
import type { SandboxSettings } from '../src/sandbox/limits.js';
import { Masker } from '../src/output/masking.js';
import { runStep } from '../src/run-step.js';
import { Secrets } from '../src/secrets/secrets.js';
import type { StepContext, StepResult } from '../src/step.js';

/** Describes what needs an engine; where there is none it is skipped and says why. */
export async function describeWithEngine(title: string, tests: (bench: StepBench) => void): Promise<void> {
  const found = await engineForTests();
  if ('reason' in found) {
    describe(title, () => {
      it.skip(`not tested: ${found.reason}`, () => undefined);
    });
    return;
  }
  describe(title, () => {
    const bench = new StepBench(found.engine);
    beforeAll(async () => {
      bench.image = await importBusybox(found.engine);
    });
    afterAll(() => found.engine.getImage(bench.image).remove({ force: true }));
    beforeEach(() => bench.open());
    afterEach(() => bench.close());
    tests(bench);
  });
}

export interface RanStep {
  result: StepResult;
  /** Lines of all streams as `stream: text`. */
  lines: string[];
  /** Text of stdout. */
  stdout: string;
  /** All of it. */
  log: string;
}

export class StepBench {
  image = '';
  folder = '';
  settings: SandboxSettings = {};
  secrets: Record<string, string> = {};
  /** Of the step that runs; a new one for each. */
  lines: string[] = [];
  agentId = '';

  constructor(readonly engine: Docker) {}

  async open(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'hybrid-step-'));
    this.settings = {};
    this.secrets = {};
    this.agentId = `test-${process.pid}-${randomUUID()}`;
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  executor(): DockerExecutor {
    return new DockerExecutor(this.engine, () => this.agentId, this.image, this.settings);
  }

  /** Writes files into the workspace of the next step. */
  async write(files: Record<string, string>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const file = join(this.folder, 'workspace', name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }

  shell(
    commands: string[],
    config: Record<string, unknown> = {},
    spec: Partial<JobSpec> = {},
  ): Promise<RanStep> {
    return this.run('step.shell_exec', { commands, ...config }, spec);
  }

  async run(
    type: string,
    config: Record<string, unknown>,
    spec: Partial<JobSpec> = {},
    how: { signal?: AbortSignal; executor?: Executor } = {},
  ): Promise<RanStep> {
    const lines: string[] = (this.lines = []);
    const result = await runStep(await this.context(type, config, spec, how, lines));
    return {
      result,
      lines,
      log: lines.join('\n'),
      stdout: lines.flatMap((line) => (line.startsWith('stdout: ') ? [line.slice(8)] : [])).join('\n'),
    };
  }

  /** Containers, volumes and networks of this bench's agent. */
  async leftovers(): Promise<string[]> {
    const filters = { label: [`hybrid.agent=${this.agentId}`] };
    const containers = await this.engine.listContainers({ all: true, filters });
    const { Volumes } = await this.engine.listVolumes({ filters });
    const networks = await this.engine.listNetworks({ filters });
    return [
      ...containers.map(({ Names }) => `container ${Names.join()}`),
      ...(Volumes ?? []).map(({ Name }) => `volume ${Name}`),
      ...networks.map(({ Name }) => `network ${Name}`),
    ];
  }

  async context(
    type: string,
    config: Record<string, unknown>,
    spec: Partial<JobSpec>,
    { signal, executor }: { signal?: AbortSignal; executor?: Executor },
    lines: string[],
  ): Promise<StepContext> {
    const workspace = join(this.folder, 'workspace');
    const scratch = await mkdtemp(join(this.folder, 'scratch-'));
    await mkdir(workspace, { recursive: true });
    const secrets = new Secrets(new Map(Object.entries(this.secrets)));
    const masker = new Masker(Object.values(this.secrets));
    const refuse = async (): Promise<never> => {
      throw new Error('there is no artifact store here');
    };
    return {
      job: {
        id: randomUUID(),
        status: 'CLAIMED',
        attempt: 1,
        lease_token: 'lease',
        claimed_lease_expires_at: '2030-01-01T00:00:00Z',
        name: 'step',
        run_id: 'run-1',
        timeout_seconds: 600,
        traceparent: null,
        spec: { step: { id: 'step', name: 'step', type, config }, ...spec },
      },
      workspace,
      scratch,
      traceparent: '',
      executor: executor ?? this.executor(),
      store: { upload: refuse, look: refuse, download: refuse },
      secrets,
      masker,
      log: (stream, text) => void lines.push(`${stream}: ${stream === 'system' ? masker.mask(text) : text}`),
      logRoom: async () => undefined,
      tellProgress: async () => undefined,
      signal: signal ?? new AbortController().signal,
    };
  }
}
