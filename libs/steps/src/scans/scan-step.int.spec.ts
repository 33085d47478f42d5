import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { engineForTests, importBusybox } from '@hybrid/testing';
import { workspaceRoot } from '@hybrid/servers';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runStep } from '../run-step.js';
import { DockerExecutor } from '../sandbox/docker-executor.js';
import { stepBench } from '../step.fixtures.js';
import { findFlawfinder } from './flawfinder.fixtures.js';

const bench = stepBench();
const recorded = join(import.meta.dirname, 'recorded');
const path = process.env['PATH'] ?? '';

async function scan(config: Record<string, unknown>, env: Record<string, string> = {}, type = 'scan_sast') {
  return runStep(bench.step(`step.${type}`, config, { env }));
}

const file = (name: string, text: string): Promise<void> => writeFile(join(bench.workspace, name), text);

describe('scanners that run here', () => {
  const astGrep = (): Record<string, string> => {
    const root = createRequire(join(workspaceRoot(), 'package.json'));
    const platform = `@ast-grep/cli-${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`;
    return { PATH: `${dirname(root.resolve(`${platform}/package.json`))}:${path}` };
  };
  const rule =
    'id: no-eval\nlanguage: JavaScript\nseverity: error\nmessage: do not use eval\nrule: { pattern: eval($A) }\n';

  it('ast-grep: an error fails the step, and the report says where', async () => {
    await file('rule.yml', rule);
    await file('bad.js', 'const a = 1;\neval(a);\n');
    const result = await scan({ scanner: 'ast-grep', rules: ['rule.yml'], artifact_key: 'sarif' }, astGrep());
    expect(result).toMatchObject({
      exitCode: 1,
      errorMessage:
        'ast-grep found 1 high; the step fails from high on\nhigh no-eval bad.js:2: do not use eval',
      outputs: { passed: 'false', critical: '0', high: '1', medium: '0', low: '0', info: '0' },
      artifacts: [{ key: 'sarif' }],
      report: {
        scan: { scanner: 'ast-grep', threshold: 'high', findings: [{ location: 'bad.js', line: 2 }] },
      },
    });
    expect(JSON.stringify(result.report)).not.toContain('eval(a)');
    expect(JSON.parse(bench.stored.get('sarif')!)).toMatchObject({ version: '2.1.0' });
  });

  it('ast-grep: the same finding passes below the threshold, and good code passes', async () => {
    await file('rule.yml', rule);
    await file('bad.js', 'eval(1);\n');
    const config = { scanner: 'ast-grep', rules: ['rule.yml'] };
    expect(await scan({ ...config, fail_on_severity: 'critical' }, astGrep())).toMatchObject({
      exitCode: 0,
      outputs: { passed: 'true', high: '1' },
    });
    await file('bad.js', 'done(1);\n');
    expect(await scan({ ...config, fail_on_severity: 'info' }, astGrep())).toMatchObject({
      exitCode: 0,
      outputs: { passed: 'true', high: '0' },
      report: { scan: { findings: [] } },
    });
  });

  it('ast-grep: rules that it cannot read are its failure, in its words', async () => {
    await file('rule.yml', 'id: [');
    await expect(scan({ scanner: 'ast-grep', rules: ['rule.yml'] }, astGrep())).rejects.toThrow(
      /^ast-grep broke off with exit code \d+; its last words:\n.*rule.*expected string scalar/s,
    );
  });

  it('eslint with the rules of its security plugin, both ways', async () => {
    await symlink(join(workspaceRoot(), 'node_modules'), join(bench.workspace, 'node_modules'));
    await file(
      'eslint.config.mjs',
      "import security from 'eslint-plugin-security';\nexport default [{ ...security.configs.recommended, rules: { 'security/detect-eval-with-expression': 'error' } }];\n",
    );
    await file('bad.js', 'export const run = (x) => eval(x);\n');
    const config = { scanner: 'eslint', source_path: 'bad.js' };
    expect(await scan(config)).toMatchObject({
      exitCode: 1,
      report: {
        scan: {
          passed: false,
          findings: [
            {
              rule_id: 'security/detect-eval-with-expression',
              severity: 'high',
              location: 'bad.js',
              line: 1,
            },
          ],
        },
      },
    });
    await file('bad.js', 'export const run = (x) => x;\n');
    expect(await scan(config)).toMatchObject({ exitCode: 0, report: { scan: { passed: true } } });
    await file('bad.js', 'export const = ;\n');
    await expect(scan(config)).rejects.toThrow('the scanner says that it failed: Parsing error');
  });
});

const flawfinder = await findFlawfinder();
describe('flawfinder', () => {
  if ('reason' in flawfinder) {
    it.skip(`not tested: ${flawfinder.reason}`, () => undefined);
    return;
  }
  it('always ends with 0, and fails the step by its report', async () => {
    await file('a.c', '#include <string.h>\nint main(int c, char **v) { char b[4]; strcpy(b, v[1]); }\n');
    expect(await scan({ scanner: 'flawfinder' }, flawfinder.env)).toMatchObject({
      exitCode: 1,
      report: {
        scan: {
          scanner_version: expect.stringMatching(/^2\./),
          findings: [{ location: 'a.c', line: 2 }, {}],
        },
      },
    });
    await file('a.c', 'int main(void) { return 0; }\n');
    expect(await scan({ scanner: 'flawfinder' }, flawfinder.env)).toMatchObject({ exitCode: 0 });
  });
});

/** Programs by the names of the real ones, which write a recorded report and end as those do. */
describe('recorded scanners', () => {
  let bin: string;
  beforeAll(async () => {
    bin = await mkdtemp(join(tmpdir(), 'hybrid-scanners-'));
  });
  afterAll(() => rm(bin, { recursive: true, force: true }));

  async function fake(program: string, does: string): Promise<Record<string, string>> {
    await writeFile(join(bin, program), `#!/bin/sh\necho "$0 $*" >&2\n${does}\n`, { mode: 0o755 });
    return { PATH: `${bin}:${path}` };
  }
  const replay = (program: string, report: string, exitCode = 0) =>
    fake(program, `cat '${join(recorded, report)}'\nexit ${exitCode}`);

  it('semgrep', async () => {
    const env = await replay('semgrep', 'semgrep.sarif.json');
    const config = { scanner: 'semgrep', source_path: '/workspace', rules: ['p/owasp-top-ten'] };
    const failed = await scan(config, env);
    expect(failed.errorMessage).toBe(
      'semgrep found 1 high, 1 medium; the step fails from high on\n' +
        'high javascript.express.security.sql-injection src/users.js:40: Untrusted input reaches a query.',
    );
    const prints = failed.report!.scan!.findings.map(({ fingerprint }) => fingerprint);
    expect(new Set(prints).size).toBe(2);
    expect(bench.log.join('\n')).toMatch(
      /semgrep scan --sarif --metrics=off .*--config p\/owasp-top-ten \.\n/,
    );
    expect((await scan({ ...config, fail_on_severity: 'critical' }, env)).exitCode).toBe(0);
    expect((await scan(config, await replay('semgrep', 'clean.sarif.json'))).outputs['passed']).toBe('true');
  });

  it('trivy', async () => {
    const env = await replay('trivy', 'trivy.sarif.json');
    const config = {
      scanner: 'trivy',
      target: 'myapp:1',
      fail_on_severity: 'critical',
      ignore_unfixed: true,
    };
    const failed = await scan(config, env, 'scan_container');
    expect(failed).toMatchObject({ exitCode: 1, outputs: { critical: '1', high: '0', medium: '1' } });
    expect(failed.report!.scan!.findings.map(({ location }) => location)).toEqual([
      '/myapp',
      '/app/node_modules/semver/package.json',
    ]);
    expect(bench.log.join('\n')).toContain('--format sarif --quiet --ignore-unfixed myapp:1');
    expect((await scan({ ...config, fail_on_severity: 'none' }, env, 'scan_container')).exitCode).toBe(0);
  });

  it('grype', async () => {
    const env = await replay('grype', 'grype.sarif.json');
    const failed = await scan({ scanner: 'grype', fail_on_severity: 'medium' }, env, 'scan_deps');
    expect(failed).toMatchObject({ exitCode: 1, outputs: { critical: '1', low: '1' } });
    expect(failed.report!.scan!.findings[1]!.location).toContain('/var/lib/dpkg/status');
    expect(bench.log.join('\n')).toContain('grype dir:. -o sarif -q');
    await scan({ scanner: 'grype', target: 'sbom:bom.json' }, env, 'scan_deps');
    expect(bench.log.join('\n')).toContain('grype sbom:bom.json -o sarif -q');
    const clean = await replay('grype', 'clean.sarif.json');
    expect((await scan({ scanner: 'grype', fail_on_severity: 'info' }, clean, 'scan_deps')).exitCode).toBe(0);
  });

  it('that broke off pass nothing, and are quoted', async () => {
    const config = { scanner: 'semgrep' };
    const says = async (env: Record<string, string>, message: string | RegExp) =>
      expect(scan(config, env)).rejects.toThrow(message);
    await says(
      await replay('semgrep', 'clean.sarif.json', 2),
      /^semgrep broke off with exit code 2; its last words:/,
    );
    await says(
      await fake('semgrep', 'echo out of memory >&2; exit 0'),
      /wrote no report .*\n.*\nout of memory$/s,
    );
    await says(
      await fake('semgrep', 'echo usage: semgrep'),
      'the report of semgrep cannot be used: it is not JSON',
    );
    await says(
      await replay('semgrep', 'semgrep-failed.sarif.json'),
      'invalid configuration file found: rules.yaml',
    );
    await says(await fake('semgrep', 'kill -9 $$'), 'semgrep broke off with exit code 137');
    await says(await fake('semgrep', 'head -c 40000000 /dev/zero'), 'more than 32 MiB');
  });
});

describe('any program', () => {
  const report =
    '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"own"}},"results":[{"ruleId":"a","level":"error","message":{"text":"hunter22 lies here"}}]}]}';

  it('may write SARIF on stdout, or into a file and talk', async () => {
    const stdout = await scan({ scanner: 'own', command: ['echo', report] });
    expect(stdout).toMatchObject({ exitCode: 1, outputs: { high: '1' } });
    const talks = ['sh', '-c', 'echo looking around; echo "$1" > "$HYBRID_SARIF"', '-', report];
    expect(await scan({ scanner: 'own', command: talks })).toMatchObject({
      exitCode: 1,
      outputs: { high: '1' },
    });
    expect(bench.log).toContain('stdout looking around');
  });

  it('may quote a secret: that is masked', async () => {
    const secrets = new Map([['TOKEN', 'hunter22']]);
    const step = bench.step('step.scan_sast', { scanner: 'own', command: ['echo', report] }, { secrets });
    const result = await runStep(step);
    expect(JSON.stringify(result.report)).not.toContain('hunter22');
    expect(result.report!.scan!.findings[0]!.message).toBe('*** lies here');
  });

  it.each([
    [
      { scanner: 'nothing' },
      'scan_sast',
      /^config.scanner is nothing, which is not known here: use one of semgrep, /,
    ],
    [{ scanner: 'semgrep' }, 'scan_deps', 'semgrep cannot do step.scan_deps: use it with step.scan_sast'],
    [{ scanner: 'trivy' }, 'scan_container', 'config.target is missing: name the image'],
    [{ scanner: 'grype', rules: ['x'] }, 'scan_deps', 'grype takes no rules'],
    [{ scanner: 'semgrep', ignore_unfixed: true }, 'scan_sast', 'does not know which findings have a fix'],
    [{ scanner: 'flawfinder', source_path: '../..' }, 'scan_sast', 'lies outside the workspace'],
    [{ scanner: 'own', command: ['hybrid-no-such-program'] }, 'scan_sast', 'the program of own is not there'],
  ])('%j as %s is refused', async (config, type, message) => {
    await expect(scan(config, {}, type)).rejects.toThrow(message);
  });
});

const found = await engineForTests();
describe('a scanner in a container', () => {
  if ('reason' in found) {
    it.skip(`not tested: ${found.reason}`, () => undefined);
    return;
  }
  const { engine } = found;
  let image: string;
  beforeAll(async () => {
    image = await importBusybox(engine);
  });
  afterAll(() => engine.getImage(image).remove({ force: true }));

  it('sees the workspace, and its report comes out', async () => {
    await file('code.c', 'gets(b);\n');
    const says = 'grep -q gets code.c && printf %s "$1" > "$HYBRID_SARIF"';
    const result = {
      ruleId: 'gets',
      level: 'error',
      message: { text: 'x' },
      locations: [{ physicalLocation: { artifactLocation: { uri: 'file:///workspace/code.c' } } }],
    };
    const report = JSON.stringify({
      version: '2.1.0',
      runs: [{ tool: { driver: { name: 'own' } }, results: [result] }],
    });
    const config = {
      scanner: 'own',
      image,
      command: ['sh', '-c', says, '-', report],
      artifact_key: 'report',
    };
    const executor = new DockerExecutor(engine, () => `hybrid-test-${process.pid}`, image);
    const ended = await runStep(bench.step('step.scan_sast', config, { executor }));
    expect(ended).toMatchObject({ exitCode: 1, report: { scan: { findings: [{ location: 'code.c' }] } } });
    expect(bench.stored.get('report')).toBe(report);
  });
});
