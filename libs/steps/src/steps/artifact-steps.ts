/** step.artifact_push and step.artifact_pull: files between the workspace and the artifact store. */
import { copyFile, mkdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { unpackArtifact, type Downloaded } from '../files/artifact-store.js';
import { executionId, StepProblem, type StepContext, type StepResult } from '../step.js';
import { StepConfig } from './step-config.js';
import {
  DEFAULT_WORK_DIR,
  existingInside,
  ifMissing,
  insideWorkspace,
  makeFolderInside,
} from '../files/workspace-path.js';

/** Stores `source_path`; with `stored`, vouches for an artifact that an earlier step has stored. */
export async function pushArtifact(context: StepContext): Promise<StepResult> {
  const config = new StepConfig(context.job.spec.step.config);
  const key = config.text('key');
  const execution = executionId(context.job);
  const path = config.optionalText('source_path');
  const found =
    path === undefined
      ? undefined
      : await existingInside(context.workspace, insideWorkspace(path, workDirOf(config)));
  if (found === undefined && !config.flag('stored')) {
    throw new StepProblem(
      `there is nothing at ${path ?? 'config.source_path'} in the workspace to store as ${key}`,
    );
  }
  const artifact =
    found === undefined
      ? await context.store.look(execution, key)
      : await context.store.upload(execution, key, found, {
          retentionDays: config.optionalCount('retention_days'),
        });
  context.log(
    'system',
    `${found === undefined ? 'found' : 'stored'} artifact ${key} (${artifact.size} bytes, sha256 ${artifact.sha256})`,
  );
  return { exitCode: 0, outputs: {}, artifacts: [artifact] };
}

/** Fetches an artifact and checks it; reports what it was as outputs. */
export async function pullArtifact(context: StepContext): Promise<StepResult> {
  const config = new StepConfig(context.job.spec.step.config);
  const key = config.text('key');
  const source = config.oneOf('source', ['previous_execution', 'artifact_store'], 'artifact_store');
  const from = config.optionalText('execution_id');
  if (from === undefined && source === 'previous_execution') {
    throw new StepProblem('there is no previous execution to pull from: config.execution_id is empty');
  }
  const execution = from ?? executionId(context.job);
  const dest = insideWorkspace(config.optionalText('dest') ?? '.', workDirOf(config));
  const artifact = await placeArtifact(context, execution, key, dest);
  return {
    exitCode: 0,
    outputs: { sha256: artifact.sha256, size: String(artifact.size), execution_id: execution },
    artifacts: [],
  };
}

/** Puts the artifacts that a job asks for into its workspace. */
export async function placeArtifacts(context: StepContext): Promise<void> {
  const workDir = workDirOf(new StepConfig(context.job.spec.step.config));
  for (const { execution_id, key, dest } of context.job.spec.artifacts_in ?? []) {
    await placeArtifact(context, execution_id, key, insideWorkspace(dest, workDir));
  }
}

/** A stored folder is unpacked into `dest`; a file becomes `dest`, or lies in it when that is a folder. */
async function placeArtifact(
  context: StepContext,
  execution: string,
  key: string,
  dest: string,
): Promise<Downloaded> {
  const { store, workspace } = context;
  const artifact = await store.download(execution, key);
  if (artifact.isTree) await unpackArtifact(artifact, await makeFolderInside(workspace, dest));
  else await copyFile(artifact.file, await placeForFile(workspace, dest, key));
  context.log(
    'system',
    `fetched artifact ${key} (${artifact.size} bytes, sha256 ${artifact.sha256.slice(0, 12)}) to ${dest}`,
  );
  return artifact;
}

async function placeForFile(workspace: string, dest: string, key: string): Promise<string> {
  const there = await stat(join(workspace, dest)).catch(ifMissing);
  const path = there?.isDirectory() ? posix.join(dest, posix.basename(key)) : dest;
  await mkdir(workspace, { recursive: true });
  const folder = await makeFolderInside(workspace, posix.dirname(path));
  const place = join(folder, posix.basename(path));
  // A link that the repository brought may lead anywhere: what it leads to is not written.
  await existingInside(workspace, path);
  return place;
}

function workDirOf(config: StepConfig): string {
  return config.optionalText('work_dir') ?? DEFAULT_WORK_DIR;
}
