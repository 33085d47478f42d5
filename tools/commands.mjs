// Runs the commands that check the project, and counts.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

// The lint rule of Nx loads its native part from a copy in the machine's temporary directory, unless told not to.
process.env.NX_SKIP_NATIVE_FILE_CACHE = 'true';

export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;

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

  /** Runs one kind of spec; each test counts. Arguments are jest's own. */
  async specs(kind, ...args) {
    const start = performance.now();
    const title = [`${kind} specs`, ...args].join(' ');
    console.log(`\n── ${title}`);
    const directory = mkdtempSync(join(tmpdir(), 'hybrid-jest-'));
    const report = join(directory, 'report.json');
    const command = [join(root, 'tools/jest.mjs'), kind, '--json', `--outputFile=${report}`, ...args];
    const status = await ended(
      spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    if (existsSync(report)) {
      const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = JSON.parse(
        readFileSync(report, 'utf8'),
      );
      this.passed += numPassedTests;
      this.failed += numFailedTests + numRuntimeErrorTestSuites;
      this.skipped += numPendingTests;
      if (status !== 0 && numFailedTests + numRuntimeErrorTestSuites === 0) this.failed++;
    } else this.failed++;
    rmSync(directory, { recursive: true, force: true });
    console.log(`── ${title}: ${status === 0 ? 'passed' : 'FAILED'} in ${seconds(start)}`);
  }

  /** Says the result as the last line; answers the exit code. */
  close() {
    console.log(
      `\n${this.passed} passed, ${this.failed} failed${this.skipped ? `, ${this.skipped} skipped` : ''}`,
    );
    return this.failed ? 1 : 0;
  }
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
