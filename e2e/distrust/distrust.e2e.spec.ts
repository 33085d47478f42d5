/** A control plane that means harm, and an agent that believes its customer's keys: docs/distrust.md. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ClaimedJob, RunView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeRepository } from '../repository.js';
import { startSystem, type System } from '../system.js';
import { maliciousGateway, type Harm, type MaliciousGateway } from './malicious-gateway.js';

const definition = (marks: string, name = 'web') => `name: ${name}
on: { manual: { inputs: { version: { type: string, default: '1.0' } } } }
steps:
  - name: build
    type: step.shell_exec
    config:
      commands: ['test -f hello.txt', 'echo {{.Inputs.version}} > ${marks}/built']
      env: { MODE: safe }
  - { name: ask, type: step.gate, needs: [build], config: { type: manual } }
  - name: ship
    type: step.shell_exec
    needs: [ask]
    config: { commands: ['echo shipped > ${marks}/shipped'] }
`;

describe('an agent that trusts keys of its customer alone', () => {
  let system: System;
  let control: MaliciousGateway;
  let marks: string;
  let keyFile: string;
  let source: { repository: string; commit: string; ref: string };
  let honest: { definition: string; signature: string };

  beforeAll(async () => {
    system = await startSystem();
    control = await maliciousGateway(system.url);
    const { directory } = system.platform;
    marks = join(directory, 'marks');
    await mkdir(marks);
    keyFile = join(directory, 'ada.jwk');
    const trusted = join(directory, 'trusted.json');
    await cli('key-pair', 'create', keyFile, '--kid', 'ada', '--trust-keys', trusted);
    const [path, commit] = await signedRepository('repo', definition(marks));
    source = { repository: path, commit, ref: 'main' };
    honest = await textsOf(path);
    await system.startAgent('agent-1', { args: ['--url', control.url, '--trust-keys', trusted] });
  });
  afterAll(async () => {
    await system?.stop();
    await control?.close();
  });

  async function cli(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await system.cli(...args);
    if (code !== 0) throw new Error(`hybrid ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async function signedRepository(name: string, text: string, key = keyFile): Promise<[string, string]> {
    const path = join(system.platform.directory, name);
    await mkdir(join(path, '.hybrid'), { recursive: true });
    await writeFile(join(path, '.hybrid/pipeline.yaml'), text);
    await cli('pipeline', 'sign', '--key', key, '--repo', path);
    const { commit } = await makeRepository(path, { 'hello.txt': 'hello' });
    return [path, commit];
  }

  async function textsOf(path: string) {
    const text = (name: string) => readFile(join(path, '.hybrid', name), 'utf8');
    return { definition: await text('pipeline.yaml'), signature: (await text('pipeline.yaml.sig')).trim() };
  }

  async function started(inputs: object = {}): Promise<string> {
    await system.admin('PUT /api/pipelines/web', { json: honest });
    const run = await system.admin<RunView>('POST /api/pipelines/web/runs', { json: { source, inputs } });
    return run.body.id;
  }

  const stepOf = (run: string, name: string, status: string) =>
    eventually(async () => {
      const { body } = await system.admin<RunView>(`GET /api/runs/${run}`);
      const step = body.steps.find((one) => one.name === name)!;
      if (step.status !== status) throw new Error(`${name} is ${step.status}: ${step.message}`);
      return step;
    });

  const approve = (run: string, ...args: string[]) =>
    cli('gate', 'approve', run, 'ask', '--repo', source.repository, ...args);

  it('runs what was signed and approved, started by the command line', async () => {
    const text = await cli('-o', 'json', 'run', '--repo', source.repository, '--no-watch');
    const { id } = JSON.parse(text) as RunView;
    await stepOf(id, 'ask', 'WAITING');
    expect(await readFile(join(marks, 'built'), 'utf8')).toBe('1.0\n');
    await approve(id, '--key', keyFile);
    await stepOf(id, 'ship', 'SUCCEEDED');
    expect(existsSync(join(marks, 'shipped'))).toBe(true);
  });

  describe('refuses, of a control plane that means harm,', () => {
    const evil = (job: ClaimedJob) => {
      job.spec.step.config['commands'] = [`touch ${marks}/evil`];
    };
    async function refused(harm: Harm, inputs: object = {}): Promise<string> {
      control.harm = harm;
      try {
        const { message, exit_code } = await stepOf(await started(inputs), 'build', 'FAILED');
        expect(exit_code).toBe(-1);
        expect(existsSync(join(marks, 'evil'))).toBe(false);
        return message ?? '';
      } finally {
        control.harm = {};
      }
    }

    it.each<[string, Harm, RegExp]>([
      ['another command', { job: evil }, /spec\.step\.config\.commands/],
      [
        'another image',
        { job: ({ spec }) => (spec.step.config['image'] = 'evil') },
        /spec\.step\.config\.image/,
      ],
      ['another variable', { job: ({ spec }) => (spec.env!['PATH'] = '/evil') }, /spec\.env\.PATH/],
      [
        'another repository',
        { job: ({ spec }) => (spec.source!.repository = '/evil') },
        /source\.repository/,
      ],
      ['a job of no run', { job: (job) => (job.run_id = null) }, /of no run/],
      ['a text without its signature', { proof: (proof) => (proof.signature = null) }, /not signed/],
    ])('%s', async (_, harm, why) => {
      expect(await refused(harm)).toMatch(why);
    });

    it('a job and a text that agree, and that nobody signed', async () => {
      const replaced = (text: string) => text.replace("'test -f hello.txt'", `'touch ${marks}/evil'`);
      const harm: Harm = {
        job: ({ spec }) => {
          const { config } = spec.step;
          config['commands'] = (config['commands'] as string[]).with(0, `touch ${marks}/evil`);
        },
        proof: (proof) => (proof.definition = replaced(proof.definition)),
      };
      expect(await refused(harm)).toMatch(/of another text/);
    });

    it('another text with an old signature, of another pipeline', async () => {
      const [path] = await signedRepository('docs', definition(marks, 'docs'));
      const docs = await textsOf(path);
      expect(await refused({ proof: (proof) => (proof.signature = docs.signature) })).toMatch(
        /of another text/,
      );
      expect(await refused({ proof: (proof) => Object.assign(proof, docs) })).toMatch(
        /pipeline_id|pipeline docs/,
      );
    });

    it('signatures without algorithm, of unknown keys, and that bring their key', async () => {
      const file = join(system.platform.directory, 'mallory.jwk');
      await cli('key-pair', 'create', file, '--kid', 'mallory');
      const [path] = await signedRepository('by-mallory', honest.definition, file);
      const { signature } = await textsOf(path);
      expect(await refused({ proof: (proof) => (proof.signature = signature) })).toMatch(/none of those/);
      const [, payload = '', by = ''] = signature.split('.');
      const { kty, crv, x } = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
      const typ = 'hybrid-pipeline+jws';
      const made = (header: object, end = by) =>
        `${Buffer.from(JSON.stringify({ typ, ...header })).toString('base64url')}.${payload}.${end}`;
      const none = made({ alg: 'none', kid: 'ada' }, '');
      expect(await refused({ proof: (proof) => (proof.signature = none) })).toMatch(/algorithm/);
      const own = made({ alg: 'EdDSA', kid: 'mallory', jwk: { kty, crv, x } });
      expect(await refused({ proof: (proof) => (proof.signature = own) })).toMatch(/may have: jwk/);
    });

    it('an input that a shell would obey', async () => {
      expect(await refused({}, { version: `1; touch ${marks}/evil` })).toMatch(/\{\{\.Inputs\.version\}\}/);
    });
  });

  it('refuses what nobody approved with a key, and an approval of another run', async () => {
    const first = await started();
    await stepOf(first, 'ask', 'WAITING');
    await approve(first);
    expect((await stepOf(first, 'ship', 'FAILED')).message).toMatch(/needs 1 signed approval\(s\) and has 0/);

    const second = await started();
    await stepOf(second, 'ask', 'WAITING');
    let approval: object | undefined;
    control.harm.proof = ({ events }) => (approval = events.find(({ type }) => type === 'GateApproved'));
    await approve(second, '--key', keyFile);
    await stepOf(second, 'ship', 'SUCCEEDED');
    expect(approval).toBeDefined();

    control.harm.proof = (proof) => proof.events.push(approval as never);
    const third = await started();
    await stepOf(third, 'ask', 'WAITING');
    await approve(third);
    expect((await stepOf(third, 'ship', 'FAILED')).message).toMatch(/another run_id/);

    control.harm.proof = (proof) =>
      (proof.events = proof.events.filter(({ type }) => !type.startsWith('Gate')));
    const fourth = await started();
    await stepOf(fourth, 'ask', 'WAITING');
    await approve(fourth);
    expect((await stepOf(fourth, 'ship', 'FAILED')).message).toMatch(/not run/);
    control.harm = {};
  });

  it('refuses a step that a run was given besides', async () => {
    const text = `${honest.definition}  - { name: more, type: step.shell_exec, config: { commands: ['touch ${marks}/evil'] } }\n`;
    control.harm = { proof: (proof) => Object.assign(proof, honest) };
    await system.admin('PUT /api/pipelines/web', { json: { definition: text } });
    const run = await system.admin<RunView>('POST /api/pipelines/web/runs', { json: { source } });
    const { message } = await stepOf(run.body.id, 'more', 'FAILED');
    expect(message).toMatch(/no step whose job this is: more/);
    expect(existsSync(join(marks, 'evil'))).toBe(false);
    control.harm = {};
  });

  it('refuses a text that was replaced', async () => {
    const [path] = await signedRepository('newer', `${honest.definition}# newer\n`);
    const newer = { ...(await textsOf(path)) };
    await system.admin('PUT /api/pipelines/web', { json: newer });
    const run = await system.admin<RunView>('POST /api/pipelines/web/runs', { json: { source: undefined } });
    await stepOf(run.body.id, 'build', 'FAILED');
    const { message } = await stepOf(await started(), 'build', 'FAILED');
    expect(message).toMatch(/signed later/);
  });
});
