/** A whole pipeline, from tests to the gate and the deployment, with images of its names that are made of what this machine has. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunView } from '@hybrid/contracts';
import { findProgram } from '@hybrid/servers';
import { engineForTests, eventually, importBusybox } from '@hybrid/testing';
import type Docker from 'dockerode';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { importNodeBaseImage, whyNoBaseImage } from './node-base-image.js';
import { makeRepository } from './repository.js';
import { filesIn } from './scenario/scenario.js';
import { startSystem, type System } from './system.js';

const folder = join(import.meta.dirname, 'example');
const engine = await engineForTests();
const docker = findProgram('docker');
const reason = 'reason' in engine ? engine.reason : docker ? whyNoBaseImage() : 'there is no docker';
const mine = `hybrid-test-${process.pid}`;
/** What semgrep says of sources that are well. */
const REPORT = { version: '2.1.0', runs: [{ tool: { driver: { name: 'Semgrep OSS' } }, results: [] }] };

(reason ? describe.skip : describe)(`the example${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const images = (engine as { engine: Docker }).engine;
  /** Removed in the end: those that were here before stay. */
  const made: string[] = [];
  let system: System;
  let repository: { path: string; commit: string };
  let pipeline: string;

  const tag = async (from: string, name: string): Promise<void> => {
    const [repo = name, version = 'latest'] = name.split(':');
    if (
      await images
        .getImage(name)
        .inspect()
        .then(Boolean, () => false)
    )
      return;
    await images.getImage(from).tag({ repo, tag: version });
    made.push(name);
  };

  beforeAll(async () => {
    system = await startSystem();
    const busybox = await importBusybox(images);
    made.push(busybox);
    made.push(`${mine}-node:1`);
    importNodeBaseImage(docker!, `${mine}-node:1`);
    for (const version of [20, 24]) await tag(`${mine}-node:1`, `node:${version}-alpine`);
    made.push(`${mine}-semgrep:1`);
    await makeScanner(images, busybox, `${mine}-semgrep`);
    await tag(`${mine}-semgrep:1`, 'semgrep/semgrep');
    await system.startAgent('agent-1', { args: ['--executor', 'docker', '--default-image', busybox] });
    repository = await makeRepository(
      join(system.platform.directory, 'web'),
      filesIn(join(folder, 'repository')),
    );
    execFileSync('git', ['-C', repository.path, 'branch', 'feature']);
    const definition = await readFile(join(folder, 'pipeline.yaml'), 'utf8');
    const put = await system.admin<{ id: string }>('POST /api/pipelines', { json: { definition } });
    expect([put.status, put.body]).toEqual([201, expect.anything()]);
    pipeline = put.body.id;
  });
  afterAll(async () => {
    await system?.stop();
    for (const name of made.toReversed())
      await images
        .getImage(name)
        .remove({ force: true })
        .catch((error: { statusCode?: number }) => {
          if (error.statusCode !== 404) throw error;
        });
  });

  const run = async (ref: string): Promise<RunView> => {
    const version = `${mine}-${ref}`;
    made.push(`myapp:${version}`);
    const { path, commit } = repository;
    const started = await system.admin<RunView>(`POST /api/pipelines/${pipeline}/runs`, {
      json: { source: { repository: path, commit, ref }, inputs: { version } },
    });
    expect([started.status, started.body]).toEqual([201, expect.anything()]);
    return eventually(async () => {
      const { body } = await system.admin<RunView>(`GET /api/runs/${started.body.id}`);
      expect(['SUCCEEDED', 'FAILED', 'CANCELLED']).toContain(body.status);
      return body;
    }, 400_000);
  };
  const outcomes = ({ steps }: RunView): Record<string, unknown> =>
    Object.fromEntries(steps.map(({ id, status, message }) => [id, message ? [status, message] : status]));

  const wellUntilProduction = {
    'test[node=20]': 'SUCCEEDED',
    'test[node=24]': 'SUCCEEDED',
    sast: 'SUCCEEDED',
    image: 'SUCCEEDED',
  };

  it('on another branch: the gate opens by itself, and production is skipped', async () => {
    const ended = await run('feature');
    expect(outcomes(ended)).toMatchObject(wellUntilProduction);
    expect(ended.steps.map(({ id, status }) => [id, status]).slice(-2)).toEqual([
      ['approve', 'SUCCEEDED'],
      ['production', 'SKIPPED'],
    ]);
    expect(ended.status).toBe('SUCCEEDED');
  });

  it('on main: the deployment says that this agent has no such provider', async () => {
    const ended = await run('main');
    expect(outcomes(ended)).toMatchObject({
      ...wellUntilProduction,
      production: ['FAILED', expect.stringContaining('no provider aws_ecs on this agent; it has: docker')],
    });
    expect(ended.status).toBe('FAILED');
  });
});

/** An image whose program `semgrep` writes a report. */
async function makeScanner(docker: Docker, base: string, repo: string): Promise<void> {
  const files = pack();
  files.entry(
    { name: 'bin/semgrep', mode: 0o755 },
    `#!/bin/sh\ncat <<'END'\n${JSON.stringify(REPORT)}\nEND\n`,
  );
  files.finalize();
  const container = await docker.createContainer({ Image: base, Cmd: ['true'] });
  try {
    await container.putArchive(Readable.from(files as AsyncIterable<Buffer>), { path: '/' });
    await container.commit({ repo, tag: '1' });
  } finally {
    await container.remove();
  }
}
