import { engineForTests, importBusybox } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { logText } from '../test/fake-gateway.js';
import { completed, workbench } from '../test/workbench.js';

const junit = (tests: string): string => `<testsuite name="cart">${tests}</testsuite>`;
const GOOD = '<testcase name="adds" time="0.5"/>';
const BAD =
  '<testcase name="pays" file="/workspace/cart.ts" line="7"><failure message="no bank at hunter22"/></testcase>';

describe('what a step reports', () => {
  const bench = workbench();

  it('are its tests and annotations, however it ends, masked', async () => {
    await bench.startReady([], { HYBRID_SECRET_TOKEN: 'hunter22' });
    const write = (file: string, tests: string): string => `printf '%s' '${junit(tests)}' > ${file}`;
    const commands = [
      'mkdir -p out/deep node_modules && cp /etc/passwd out/deep/no.xml && ln -s /etc/passwd out/link.xml',
      write('out/deep/a.xml', GOOD),
      write('out/b.xml', BAD),
      write('node_modules/c.xml', BAD),
      'echo "::error file=cart.ts,line=7::the bank said hunter22" >&2',
    ];
    const spec = { test_reports: ['out/**/*.xml', '/workspace/none-*.xml'] };
    const failing = bench.shell([...commands, 'exit 3'], {}, { spec });
    const succeeding = bench.shell(commands, {}, { spec });
    const reported = {
      tests: {
        total: 2,
        failed: 1,
        skipped: 0,
        flaky: 0,
        seconds: 0.5,
        failures: [{ name: 'cart › pays', file: 'cart.ts', line: 7, message: 'no bank at ***', seconds: 0 }],
        flaky_tests: [],
      },
      annotations: [{ level: 'error', file: 'cart.ts', line: 7, message: 'the bank said ***' }],
    };
    expect(await completed(failing)).toMatchObject({ exit_code: 3, report: reported });
    expect(await completed(succeeding)).toMatchObject({ exit_code: 0, report: reported });
    const log = logText(succeeding);
    expect(log).toContain('no test report fits /workspace/none-*.xml');
    expect(log).toMatch(/the test report out\/deep\/no\.xml is left out: /);
    expect(log).toContain('2 tests, 1 failed; the step succeeds, as its commands did');
    expect(log).not.toContain('link.xml is left out');
    expect(JSON.stringify(succeeding.completed)).not.toContain('root:');
  });

  it('are the steps that a dynamic step appends, if it succeeds', async () => {
    await bench.startReady();
    const commands = ['printf "steps:\\n  - name: more\\n" > "$HYBRID_STEPS"'];
    const dynamic = bench.shell(commands, {}, { spec: { dynamic: true } });
    const failing = bench.shell([...commands, 'false'], {}, { spec: { dynamic: true } });
    const plain = bench.shell(['test -z "$HYBRID_STEPS"']);
    const long = bench.shell(
      ['yes € | head -n 70000 | tr -d "\\n" > "$HYBRID_STEPS"'],
      {},
      { spec: { dynamic: true } },
    );
    expect(await completed(dynamic)).toMatchObject({
      exit_code: 0,
      report: { steps: 'steps:\n  - name: more\n' },
    });
    expect(await completed(failing)).not.toHaveProperty('report');
    expect(await completed(plain)).toMatchObject({ exit_code: 0 });
    expect((await completed(plain)).report).toBeUndefined();
    expect((await completed(long)).error_message).toMatch(/\$HYBRID_STEPS has more than 200000 bytes/);
  });
});

const found = await engineForTests();
const title = 'what a step in a container reports';
if ('reason' in found) {
  describe(title, () => {
    it.skip(`not tested: ${found.reason}`, () => undefined);
  });
} else {
  const { engine } = found;
  describe(title, () => {
    const bench = workbench();
    let image: string;
    beforeAll(async () => {
      image = await importBusybox(engine);
    });
    afterAll(() => engine.getImage(image).remove({ force: true }));

    it('is the same', async () => {
      await bench.startReady(['--executor', 'docker', '--default-image', image]);
      const commands = [
        `mkdir -p out/deep && printf '%s' '${junit(BAD)}' >out/deep/b.xml`,
        'echo "::warning::slow" && echo "- more" >"$HYBRID_STEPS"',
      ];
      const job = bench.shell(commands, {}, { spec: { dynamic: true, test_reports: ['out/**/*.xml'] } });
      expect(await completed(job)).toMatchObject({
        exit_code: 0,
        report: {
          tests: { total: 1, failed: 1, failures: [{ name: 'cart › pays', file: 'cart.ts' }] },
          annotations: [{ level: 'warning', message: 'slow' }],
          steps: '- more\n',
        },
      });
    });
  });
}
