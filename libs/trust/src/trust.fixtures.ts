/** A signed pipeline and what a run of it tells: by the decider that the control plane runs. */
import type { ClaimedJob, RunProof } from '@hybrid/contracts';
import {
  proofOf,
  readPipeline,
  type RunCommand,
  runDecider,
  type RunEvent,
  type RunState,
} from '@hybrid/pipeline';
import { newSigningKey, publicKeyOf, type SigningKey } from './key-pair.js';
import { definitionDigest, sign, type PipelineStatement } from './statement.js';
import { readTrustedKeys, type Signed, type TrustedKeys } from './trusted-keys.js';

export const DEFINITION = `name: web
on: { manual: { inputs: { version: { type: string, default: '1.0' } } } }
steps:
  - name: build
    type: step.shell_exec
    config: { image: 'node:22', commands: ['make {{.Inputs.version}}'], env: { MODE: safe } }
  - name: ask
    type: step.gate
    needs: [build]
    config: { type: manual, required: 2 }
  - name: ship
    type: step.shell_exec
    needs: [ask]
    config: { commands: ['./ship {{.Steps.build.outputs.digest}}'] }
`;
export const REPOSITORY = 'https://git.example/acme/web.git';
export const COMMIT = 'a'.repeat(40);
export const RUN = '2f0c1d3e-0000-4000-8000-000000000001';
const now = '2030-01-01T00:00:00.000Z';

export interface Scene {
  keys: TrustedKeys;
  /** Of ada, bob and carl, by whom all is trusted; and of mallory, who is unknown. */
  ada: SigningKey;
  bob: SigningKey;
  mallory: SigningKey;
  proof(of: string, more?: Partial<RunProof>): RunProof;
  job(of: string): ClaimedJob;
  signature: string;
}

export function keysOf(keys: [SigningKey, Signed[]?][]): TrustedKeys {
  return readTrustedKeys(JSON.stringify({ keys: keys.map(([key, uses]) => publicKeyOf(key, uses)) }));
}

interface Wanted {
  definition?: string;
  inputs?: Record<string, unknown>;
  statement?: Partial<PipelineStatement>;
  outputs?: Record<string, string>;
  /** Of the gate, one for each person. */
  approvals?: (string | undefined)[];
}

/** A run whose gate was passed and whose last step is queued. */
export async function sceneOf(
  [ada, bob, mallory]: [SigningKey, SigningKey, SigningKey],
  {
    definition = DEFINITION,
    inputs = {},
    outputs = { digest: 'sha256:abc' },
    approvals = [],
    statement,
  }: Wanted = {},
): Promise<Scene> {
  const keys = keysOf([[ada], [bob]]);
  const read = readPipeline(definition);
  if ('errors' in read) throw new Error(JSON.stringify(read.errors));
  const history: RunEvent[] = [];
  let state: RunState = runDecider.initial;
  const handle = (command: RunCommand): void => {
    const decided = runDecider.decide(command, state);
    if (!Array.isArray(decided)) throw new Error(JSON.stringify(decided));
    history.push(...decided);
    state = decided.reduce(runDecider.evolve, state);
  };
  handle({
    ...{ type: 'StartRun', run_id: RUN, pipeline: 'web', pipeline_version: 1, definition: read.definition },
    source: { repository: REPOSITORY, commit: COMMIT, ref: 'main' },
    ...{ inputs, previous_execution_id: null, started_by: 'zoe', now },
  });
  const queued = (of: string) =>
    history.flatMap((event) =>
      event.type === 'StepQueued' && event.data.step_id === of ? [event.data] : [],
    )[0]!;
  handle({
    ...{ type: 'RecordJobFinished', job_id: queued('build').job_id, outcome: 'succeeded', exit_code: 0 },
    ...{ message: null, outputs, artifacts: [], now },
  });
  for (const [index, signature] of [...approvals, undefined, undefined].slice(0, 2).entries())
    handle({
      ...{ type: 'DecideGate', gate: 'ask', person: { user_id: `p${index}`, email: null } },
      ...{ decision: 'approved', reason: null, ...(signature !== undefined && { signature }), now },
    });
  const signature = await sign(
    'pipeline',
    {
      ...{ pipeline: 'web', definition_sha256: definitionDigest(definition), repository: REPOSITORY },
      ...{ signed_at: now, ...statement },
    },
    ada,
  );
  return {
    ...{ keys, ada, bob, mallory, signature },
    proof: (of, more = {}) => ({
      ...{ definition, files: {}, signature },
      events: proofOf(history, queued(of).job_id)!,
      ...more,
    }),
    job(of) {
      const { job } = queued(of);
      return structuredClone({
        ...{ id: job.job_id, status: 'CLAIMED', attempt: 1, lease_token: 't', claimed_lease_expires_at: now },
        ...{ name: job.name!, run_id: RUN, pipeline_id: 'web', timeout_seconds: job.timeout_seconds! },
        ...{ spec: job.spec, traceparent: null },
      });
    },
  };
}

export async function threeKeys(): Promise<[SigningKey, SigningKey, SigningKey]> {
  return [await newSigningKey('ada'), await newSigningKey('bob'), await newSigningKey('mallory')];
}
