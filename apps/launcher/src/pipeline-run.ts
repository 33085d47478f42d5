/** Runs a pipeline with the same command that users have. */
import { join } from 'node:path';
import { startProcess, workspaceRoot, type RunningProcess } from '@hybrid/servers';
import type { DataDirectory } from './data-directory.js';
import { updateExampleRepository } from './example-repository.js';
import type { Settings } from './settings.js';

/** Starts `hybrid run … --watch` on this terminal; its exit code is the result. `undefined` when none is to be run. */
export async function startPipeline(
  pipeline: Settings['pipeline'],
  data: DataDirectory,
  url: string,
  cli: string,
): Promise<RunningProcess<unknown> | undefined> {
  const args = await argumentsFor(pipeline, data);
  if (!args) return undefined;
  const { HYBRID_TOKEN: _token, HYBRID_ADMIN_TOKEN: _admin, ...env } = process.env;
  return startProcess({
    name: 'hybrid run',
    command: process.execPath,
    args: [cli, 'run', ...args, '--watch'],
    env: { ...env, HYBRID_URL: url, HYBRID_TOKEN_FILE: data.adminTokenFile },
    inheritOutput: true,
  });
}

async function argumentsFor(
  pipeline: Settings['pipeline'],
  data: DataDirectory,
): Promise<string[] | undefined> {
  const examples = join(workspaceRoot(), 'examples');
  switch (pipeline.kind) {
    case 'none':
      return undefined;
    case 'example':
      await updateExampleRepository(join(examples, 'hello-service'), data.folder('example'));
      return ['--repo', data.folder('example')];
    case 'repository': {
      const { repository, file } = pipeline;
      const definition =
        file === undefined ? ['--default-file', join(examples, 'any-node.pipeline.yaml')] : ['--file', file];
      return ['--repo', repository, ...definition];
    }
  }
}
