/**
 * Whether a job is what the customer signed. The control plane tells what happened in the run; what must follow from that
 * is worked out here anew, from the signed text and by the functions that the control plane itself uses.
 */
import type { ClaimedJob, RunProof } from '@hybrid/contracts';
import { provenJob, readPipeline, type Definition, type ProofEvent, type ProvenJob } from '@hybrid/pipeline';
import { firstDifference } from './first-difference.js';
import { harmOf } from './harmless.js';
import { isSameRepository } from './same-repository.js';
import { definitionDigest, Distrusted, verify, type PipelineStatement } from './statement.js';
import type { Signed, TrustedKey, TrustedKeys } from './trusted-keys.js';

export interface Trust {
  keys: TrustedKeys;
  /** What must be signed. */
  require: readonly Signed[];
  /** Of the agent: the signed step must be meant for it. */
  pool: string;
}

/** What the job stands on, for whoever remembers which text was the latest. */
export interface Vouched {
  statement: PipelineStatement;
  key: TrustedKey;
}

/** Throws Distrusted: with the field that differs, or what is not signed. */
export async function checkJob(job: ClaimedJob, proof: RunProof, trust: Trust): Promise<Vouched> {
  const { definition, files } = proof;
  if (proof.signature === null)
    throw new Distrusted('its pipeline is not signed: `hybrid pipeline sign`, then store or run it again');
  const { statement, key } = await verify('pipeline', proof.signature, trust.keys).catch((error: Error) =>
    because("the pipeline's signature", error),
  );
  if (statement.definition_sha256 !== definitionDigest(definition, files))
    throw new Distrusted("the pipeline's signature is of another text, or of other files");
  const read = readPipeline(definition, files);
  if ('errors' in read) throw new Distrusted('the signed pipeline has errors by what this agent knows');
  if (read.definition.name !== statement.pipeline)
    throw new Distrusted(`the signature is of a pipeline ${statement.pipeline}`);
  const proven = proveJob(read.definition, proof, job);
  compare(job, proven);
  checkPlace(job, proven, statement, trust.pool);
  checkValues(job, proven);
  if (trust.require.includes('approval')) await checkApprovals(job, proof, proven, statement, trust.keys);
  return { statement, key };
}

function proveJob(definition: Definition, { events }: RunProof, job: ClaimedJob): ProvenJob {
  let proven: ProvenJob | null;
  try {
    proven = provenJob(definition, events as unknown as ProofEvent[], job.id);
  } catch (error) {
    throw new Distrusted(
      `no job follows from what the run is said to have done: ${(error as Error).message}`,
    );
  }
  if (!proven) throw new Distrusted(`the signed pipeline has no step whose job this is: ${job.name}`);
  if (proven.verdict !== true)
    throw new Distrusted(`by the signed pipeline this step does not run: ${proven.verdict}`);
  return proven;
}

/** All that an agent acts on. */
function compare(
  { id, run_id, pipeline_id, name, timeout_seconds, spec }: ClaimedJob,
  { job }: ProvenJob,
): void {
  const expected = {
    id: job.job_id,
    run_id: job.run_id,
    pipeline_id: job.pipeline_id,
    name: job.name,
    timeout_seconds: job.timeout_seconds,
    spec: job.spec,
  };
  const different = firstDifference(expected, { id, run_id, pipeline_id, name, timeout_seconds, spec });
  if (different !== null) throw new Distrusted(`${different} is not what follows from the signed pipeline`);
}

function checkPlace(
  { pipeline_id, spec: { source } }: ClaimedJob,
  { step }: ProvenJob,
  { pipeline, repository }: PipelineStatement,
  pool: string,
): void {
  if (pipeline_id !== pipeline) throw new Distrusted(`the signature is of a pipeline ${pipeline}`);
  if (step.pool !== pool)
    throw new Distrusted(`the signed step is for the pool ${step.pool}, and this agent is of ${pool}`);
  if (source && (repository === null || !isSameRepository(source.repository, repository)))
    throw new Distrusted('spec.source.repository is not the repository that was signed');
}

function checkValues({ spec: { source, artifacts_in = [] } }: ClaimedJob, { brought }: ProvenJob): void {
  const values = [
    ...brought,
    ...(source?.ref === undefined ? [] : [{ reference: 'spec.source.ref', value: source.ref }]),
    ...artifacts_in.map(({ execution_id: value }) => ({ reference: 'spec.artifacts_in', value })),
  ];
  for (const { reference, value } of values) {
    const harm = harmOf(value);
    if (harm) throw new Distrusted(`the value of ${reference} is not signed, and ${harm}`);
  }
}

interface Approval {
  step_id: string;
  signature?: string;
}

/** As many keys as the signed pipeline asks for, each for this run, this text and this commit. */
async function checkApprovals(
  { run_id, spec: { source } }: ClaimedJob,
  { events }: RunProof,
  { gates }: ProvenJob,
  { definition_sha256 }: PipelineStatement,
  keys: TrustedKeys,
): Promise<void> {
  for (const { id, required } of gates) {
    const by = new Set<string>();
    let why = 'nobody signed an approval: `hybrid gate approve --key <file>`';
    for (const { type, data } of events) {
      const { step_id, signature } = data as Partial<Approval>;
      if (type !== 'GateApproved' || step_id !== id || signature === undefined) continue;
      try {
        const { statement, key } = await verify('approval', signature, keys);
        const expected = { run_id, gate: id, decision: 'approved', definition_sha256 };
        const { at: _, commit, ...said } = statement;
        const different = firstDifference(expected, said);
        if (different !== null) throw new Distrusted(`it is for another ${different}`);
        if (source && source.commit !== (commit ?? undefined))
          throw new Distrusted('it is for another commit');
        by.add(key.kid);
      } catch (error) {
        if (!(error instanceof Distrusted)) throw error;
        why = `an approval is refused: ${error.message}`;
      }
    }
    if (by.size < required)
      throw new Distrusted(`the gate ${id} needs ${required} signed approval(s) and has ${by.size}; ${why}`);
  }
}

function because(what: string, error: Error): never {
  if (!(error instanceof Distrusted)) throw error;
  throw new Distrusted(`${what}: ${error.message}`);
}
