// Runs the commands that check the project, and counts.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

// The lint rule of Nx loads its native part from a copy in the machine's temporary directory, unless told not to.
process.env.NX_SKIP_NATIVE_FILE_CACHE = 'true';

// One seed for all specs of a run, so that a failure by chance of the input fails again when it is run again.
const seed = process.env.SPEC_SEED ?? String(randomInt(2 ** 31));
// More than that is no matter of a busy machine.
const FEW_FILES = 5;

export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  /** Titles of the tests that failed beside others and passed alone. */
  unsteady = [];

  /** Runs a command and shows its output when it has ended; it counts as one check. Answers whether it passed. */
  async check(title, ...command) {
    const start = performance.now();
    const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    const status = await ended(child);
    const words = Buffer.concat(output).toString('utf8').trimEnd();
    console.log(
      `\n── ${title}: ${status === 0 ? 'passed' : 'FAILED'} in ${seconds(start)}${words && `\n${words}`}`,
    );
    if (status === 0) this.passed++;
    else this.failed++;
    return status === 0;
  }

  /**
   * Runs one kind of spec; each test counts. Arguments are jest's own. A few files that failed are run once more, alone
   * and with the same seed: what only fails beside others is named at the end, as it is to be mended, but fails no run.
   */
  async specs(kind, ...args) {
    const start = performance.now();
    const title = [`${kind} specs`, ...args].join(' ');
    console.log(`\n── ${title}`);
    const first = await runSpecs(kind, args);
    let { failed } = first;
    const again = first.failedFiles.length <= FEW_FILES ? first.failedFiles : [];
    for (const file of again) {
      console.log(`\n── once more, alone: ${file.path}`);
      const alone = await runSpecs(kind, ['--runInBand', '--runTestsByPath', file.path]);
      if (alone.failed || !alone.passed) continue;
      failed -= file.failed;
      first.passed += file.failed;
      this.unsteady.push(...file.titles);
    }
    this.passed += first.passed;
    this.failed += failed;
    this.skipped += first.skipped;
    console.log(`── ${title}: ${failed === 0 ? 'passed' : 'FAILED'} in ${seconds(start)}`);
  }

  /** Says the result as the last line; answers the exit code. */
  close() {
    if (this.unsteady.length)
      console.log(
        `\n── failed beside others and passed alone, to be mended (SPEC_SEED=${seed}):\n${this.unsteady.join('\n')}`,
      );
    console.log(
      `\n${this.passed} passed, ${this.failed} failed${this.skipped ? `, ${this.skipped} skipped` : ''}`,
    );
    return this.failed ? 1 : 0;
  }
}

/** Answers the counts of one run of jest, and of each file that failed. */
async function runSpecs(kind, args) {
  const directory = mkdtempSync(join(tmpdir(), 'hybrid-jest-'));
  const report = join(directory, 'report.json');
  const command = [join(root, 'tools/jest.mjs'), kind, '--json', `--outputFile=${report}`, ...args];
  const env = { ...process.env, SPEC_SEED: seed };
  try {
    const status = await ended(
      spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env }),
    );
    if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0, failedFiles: [] };
    const result = JSON.parse(readFileSync(report, 'utf8'));
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    return {
      passed: result.numPassedTests,
      failed: status !== 0 && failed === 0 ? 1 : failed,
      skipped: result.numPendingTests,
      failedFiles: result.testResults.filter((file) => file.status === 'failed').map(failedFile),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A file that failed before its first test counts as one failure. */
function failedFile({ name, assertionResults }) {
  const path = relative(root, name);
  const tests = assertionResults.filter((test) => test.status === 'failed');
  return {
    path,
    failed: tests.length || 1,
    titles: tests.length ? tests.map((test) => `${path} › ${test.fullName}`) : [path],
  };
}

/** What CI runs, short of the slow tests. Two at a time: most of them use one core. */
export async function quickChecks(tally) {
  await Promise.all([
    tally.check('lint', 'tools/nx.mjs', 'run', 'hybrid:lint'),
    (async () => {
      const prettier = join(root, 'node_modules/prettier/bin/prettier.cjs');
      await tally.check('format', prettier, '--check', '--log-level=warn', '.');
      await tally.check('types', 'tools/nx.mjs', 'run', 'hybrid:typecheck');
      await tally.specs('unit');
    })(),
  ]);
}

/** Resolves with the exit code. */
function ended(child) {
  return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
}

function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
