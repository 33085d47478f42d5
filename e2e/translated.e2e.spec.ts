/** The translated pipelines of examples/, on the sources that npm packages bring. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PipelineView, RunView } from '@hybrid/contracts';
import { findProgram, workspaceRoot } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeRepository } from './repository.js';
import { startSystem, type System } from './system.js';

/** Where its sources are, and what its steps find on the machine. */
const PROJECTS: { name: string; fetch: (into: string) => void; needs: string[]; skipped?: string[] }[] = [
  { name: 'qs', fetch: (into) => unpack('qs@6.14.0', 'package', into), needs: ['npm'] },
  { name: 'gyp-next', fetch: (into) => unpack('node-gyp@11.5.0', 'package/gyp', into), needs: ['python3'] },
  {
    name: 'lmdb',
    fetch: (into) =>
      cpSync(join(workspaceRoot(), 'node_modules/lmdb/dependencies/lmdb/libraries/liblmdb'), into, {
        recursive: true,
      }),
    needs: ['make', 'cc'],
  },
];

describe('translated pipelines', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
    await system.startAgent('agent-1', { capacity: 3 });
  });
  afterAll(() => system?.stop());

  for (const { name, fetch, needs } of PROJECTS) {
    const missing = needs.filter((program) => !findProgram(program));
    if (missing.length > 0) {
      it.skip(`${name}: not tested, as there is no ${missing.join(' and no ')}`, () => undefined);
      continue;
    }
    it(name, async () => {
      const path = join(system.platform.directory, 'projects', name);
      mkdirSync(path, { recursive: true });
      fetch(path);
      const definition = await readFile(
        join(workspaceRoot(), 'examples/translated', name, 'pipeline.yaml'),
        'utf8',
      );
      const { commit } = await makeRepository(path, { '.hybrid/pipeline.yaml': definition });
      const put = await system.admin<PipelineView>('POST /api/pipelines', { json: { definition } });
      expect([put.status, put.body]).toEqual([201, expect.anything()]);
      const { body: started } = await system.admin<RunView>(`POST /api/pipelines/${name}/runs`, {
        json: { source: { repository: path, commit, ref: 'main' } },
      });
      const run = await eventually(async () => {
        const { body } = await system.admin<RunView>(`GET /api/runs/${started.id}`);
        expect(['SUCCEEDED', 'FAILED', 'CANCELLED']).toContain(body.status);
        return body;
      }, 400_000);
      const failures = run.steps.flatMap(({ id, status, message }) =>
        status === 'FAILED' && id !== 'warnings' ? [[id, message]] : [],
      );
      expect(failures).toEqual([]);
      expect(run.status).toBe('SUCCEEDED');
    });
  }
});

/** A folder of an npm package, as it was published. */
function unpack(spec: string, folder: string, into: string): void {
  const pack = ['pack', '--silent', '--pack-destination', join(into, '..'), spec];
  const archive = execFileSync('npm', pack, { encoding: 'utf8' }).trim();
  const depth = String(folder.split('/').length);
  execFileSync('tar', ['-xzf', join(into, '..', archive), '-C', into, '--strip-components', depth, folder]);
}
