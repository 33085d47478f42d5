/**
 * What an agent seals is for its customer alone: a log and an artifact go through the real system, whose every kept byte
 * is then searched; the command line reads them with the key, and so does a page in a browser.
 */
import type { RunView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { everythingKept, type Kept } from './canary/kept.js';
import { Mark } from './canary/mark.js';
import { launchBrowser, noBrowser } from './sign-in/browser.js';
import { startSystem, type System } from './system.js';

/** In the log and in the artifact; never in the definition, which the control plane has. */
const mark = new Mark();
const HALF = mark.text.length / 2;
const definition = `
name: sealed
steps:
  - name: make
    type: step.shell_exec
    config:
      commands:
        - 'mkdir out; printf "%s%s\\n" ${mark.text.slice(0, HALF)} ${mark.text.slice(HALF)} | tee out/a.txt; seq 1 2000'
      artifacts_out: [{ key: dist, path: out/a.txt }]
  - name: use
    type: step.shell_exec
    needs: [make]
    config:
      artifacts_in: [{ key: dist, dest: got }]
      commands: ['cat got']
`;

describe('what an agent seals', () => {
  let folder: string;
  let system: System;
  let keyFile: string;
  let recipient: string;
  let run: RunView;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-sealed-'));
    system = await startSystem();
    keyFile = join(folder, 'key');
    recipient = await createKey(keyFile);
    await system.startAgent('agent-1', { args: ['--seal-for', recipient, '--unseal-key-file', keyFile] });
    run = await runPipeline();
  });
  afterAll(async () => {
    await system?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function createKey(file: string): Promise<string> {
    const { code, stdout, stderr } = await system.cli('seal-key', 'create', file);
    expect([code, stderr]).toEqual([0, expect.stringContaining(file)]);
    return stdout.trim();
  }

  async function runPipeline(): Promise<RunView> {
    await system.admin('PUT /api/pipelines/sealed', { json: { definition } });
    const { body } = await system.admin<RunView>('POST /api/pipelines/sealed/runs', { json: {} });
    return eventually(async () => {
      const { body: now } = await system.admin<RunView>(`GET /api/runs/${body.id}`);
      expect(now.steps.map(({ id, status }) => `${id} ${status}`)).toEqual([
        'make SUCCEEDED',
        'use SUCCEEDED',
      ]);
      return now;
    }, 240_000);
  }

  it('is nowhere in the control plane, in no form; nor is the recipient', async () => {
    const kept: Kept[] = [];
    const job_id = run.steps.map((step) => step.job_id!);
    const names = { run_id: [run.id], job_id, execution_id: [run.id], key: ['dist'] };
    for await (const one of everythingKept(system, names)) kept.push(one);
    expect(kept.filter(({ bytes }) => mark.in(bytes).length > 0).map(({ where }) => where)).toEqual([]);
    expect(kept.filter(({ bytes }) => bytes.includes(recipient)).map(({ where }) => where)).toEqual([]);
    const found = (place: string, text: string) =>
      kept.some((one) => one.place === place && one.bytes.includes(text));
    // The search would have found it: what was sealed, and what is no secret, it does find.
    expect(found('JetStream', Buffer.from('age-encryption.org/v1\n->').toString('base64'))).toBe(true);
    expect(found('files of artifacts', 'age-encryption.org/v1')).toBe(true);
    for (const place of ['events', 'PostgreSQL', 'answers']) expect(found(place, run.id)).toBe(true);
  });

  it('is read by the command line with the key, stored, live and searched', async () => {
    const wanted = `make │ ${mark.text}`;
    const stored = await system.cli('run', 'logs', run.id, '--key-file', keyFile);
    expect(stored).toMatchObject({ code: 0, stderr: '' });
    expect(stored.stdout).toContain(wanted);
    expect(stored.stdout).toContain(`use │ ${mark.text}`);
    expect(stored.stdout).toContain('make │ 2000');
    const followed = await system.cli('run', 'logs', run.id, '--follow', '--key-file', keyFile);
    expect(followed.stdout).toContain(wanted);
    const found = await system.cli('run', 'logs', run.id, '--search', mark.text, '--key-file', keyFile);
    expect(found.stdout.trim().split('\n')).toHaveLength(2);
    const job = await system.cli('job', 'logs', run.steps[0]!.job_id!, '--key-file', keyFile);
    expect(job.stdout).toContain(mark.text);
  });

  it('is not read without the key, nor with another, and what to do is said', async () => {
    const without = await system.cli('run', 'logs', run.id);
    expect(without.stdout).toMatch(
      /make │ \[\d+ line\(s\), sealed for [0-9a-f]{16}: give that key by --key-file/,
    );
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    const other = join(folder, 'other');
    await createKey(other);
    const wrong = await system.cli('run', 'logs', run.id, '--key-file', other);
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/sealed for \w+; the key given is \w+/),
    });
    const text = await system.admin<string>(`GET /api/queue/jobs/${run.steps[0]!.job_id}/logs/download`);
    expect(text.body).toMatch(/^\[\d+ line\(s\), sealed for [0-9a-f]{16}/);
  });

  it('is downloaded and opened, if it is an artifact', async () => {
    const to = join(folder, 'a.txt');
    const refused = await system.cli('artifact', 'download', run.id, 'dist', '--to', to);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--key-file') });
    const got = await system.cli('artifact', 'download', run.id, 'dist', '--to', to, '--key-file', keyFile);
    expect(got).toMatchObject({ code: 0, stdout: `${to}\n` });
    expect(await readFile(to, 'utf8')).toBe(`${mark.text}\n`);
  });

  const inBrowser = noBrowser ? it.skip : it;
  inBrowser(
    `is read by a page in a browser, with the same module${noBrowser ? `: ${noBrowser}` : ''}`,
    async () => {
      const browser = await launchBrowser();
      try {
        const page = await browser.newPage();
        const body = `<pre></pre><script type="module">${await pageScript(folder)}</script>`;
        await page.route(`${system.url}/reader`, (route) =>
          route.fulfill({ contentType: 'text/html', body }),
        );
        await page.goto(`${system.url}/reader`);
        await page.waitForFunction('globalThis.show');
        const args = {
          job: run.steps[0]!.job_id!,
          token: system.adminToken,
          key: await readFile(keyFile, 'utf8'),
        };
        await page.evaluate(`show(${JSON.stringify(args)})`);
        const lines = (await page.textContent('pre'))!.split('\n');
        expect(lines).toContain(mark.text);
        expect(lines).toContain('2000');
      } finally {
        await browser.close();
      }
    },
  );
});

/** Fetches a log from the gateway, and shows it. */
async function pageScript(folder: string): Promise<string> {
  const module = new URL('../libs/sealed/src/open.ts', import.meta.url).pathname;
  const source = `
    import { readIdentities, SealedReader } from ${JSON.stringify(module)};
    globalThis.show = async ({ job, token, key }) => {
      const log = new SealedReader(readIdentities(key)).log(job);
      const answer = await fetch('/api/queue/jobs/' + job + '/logs', { headers: { authorization: 'Bearer ' + token } });
      const shown = [];
      for (const line of (await answer.json()).lines) {
        const { lines, warnings } = await log.open(line);
        shown.push(...warnings, ...lines.map(({ text }) => text));
      }
      document.querySelector('pre').textContent = shown.join('\\n');
    };`;
  const [entry, bundle] = [join(folder, 'page.js'), join(folder, 'page.bundle.js')];
  await writeFile(entry, source);
  const flags = ['--format', 'esm', '--platform', 'browser', '--minify', '--file', bundle];
  await promisify(execFile)(process.execPath, ['node_modules/rolldown/bin/cli.mjs', entry, ...flags]);
  return (await readFile(bundle, 'utf8')).replaceAll('</script', '<\\/script');
}
