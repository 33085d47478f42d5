/** Runs a scanner in the step's sandbox and brings back the text of its SARIF, bounded. */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_WORK_DIR } from '../files/workspace-path.js';
import { OutputLines } from '../output/output-lines.js';
import { StepProblem, type StepContext } from '../step.js';
import { SARIF_MAX } from './sarif.js';
import type { Scanner } from './scanners.js';

export interface ScanOutput {
  exitCode: number;
  /** What the exit code alone does not tell. */
  note?: string;
  /** Absolute path of the report, byte for byte; nothing where there is none. */
  file: string;
  text: string;
  /** The last lines that the scanner said beside its report, masked. */
  lastWords: string[];
}

/** Lines of its standard error that a failure is explained with. */
const LAST_WORDS = 10;

export async function runScanner(
  context: StepContext,
  scanner: Scanner,
  command: string[],
  image: string | undefined,
): Promise<ScanOutput> {
  const { job, executor, masker, secrets, signal } = context;
  // In the workspace, as that is what can be brought out of a sandbox; nobody else knows its name.
  const report = `.hybrid-${randomBytes(6).toString('hex')}.sarif`;
  const env = Object.entries(job.spec.env ?? {}).map(([name, value]) => [name, secrets.resolve(value)]);
  const stdout = new Bounded();
  const lastWords: string[] = [];
  const stderr = new OutputLines(masker, (line) => {
    context.log('stderr', line);
    if (line.trim() !== '') lastWords.push(line);
    if (lastWords.length > LAST_WORDS) lastWords.shift();
  });

  context.log('system', `$ ${command.join(' ')}`);
  const finished = await executor.run(
    {
      jobId: job.id,
      attempt: job.attempt,
      text: `HYBRID_SARIF="$HYBRID_WORKSPACE/${report}"\nexport HYBRID_SARIF\nexec ${command.map(quoted).join(' ')}\n`,
      env: { CI: 'true', HYBRID: 'true', ...(Object.fromEntries(env) as Record<string, string>) },
      workspace: context.workspace,
      scratch: context.scratch,
      workDir: DEFAULT_WORK_DIR,
      image: image ?? scanner.image,
      untrusted: job.spec.untrusted,
      network: 'bridge',
      progressFrom: () => undefined,
    },
    async (stream, chunk) => {
      if (stream === 'stdout') stdout.add(chunk);
      else stderr.write(chunk);
      await context.logRoom(signal);
    },
    (text) => context.log('system', text),
    signal,
  );
  try {
    stderr.end();
    const written = await finished.collect(report);
    const file = join(context.scratch, 'report.sarif');
    const { exitCode, note } = finished;
    const ended = { exitCode, ...(note !== undefined && { note }), file, lastWords };
    if (written === undefined) {
      await writeFile(file, stdout.bytes());
      return { ...ended, text: stdout.bytes().toString('utf8') };
    }
    // What it says beside a report in a file is an ordinary log.
    const said = new OutputLines(masker, (line) => context.log('stdout', line));
    said.write(stdout.bytes());
    said.end();
    const text = await readBounded(written);
    await writeFile(file, text);
    await rm(join(context.workspace, report), { force: true });
    return { ...ended, text: text.toString('utf8') };
  } finally {
    await finished.dispose();
  }
}

/** Keeps what is written, up to the size of a report. */
class Bounded {
  #chunks: Buffer[] = [];
  #size = 0;

  add(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size <= SARIF_MAX) this.#chunks.push(chunk);
  }

  /** Throws StepProblem where there was more. */
  bytes(): Buffer {
    if (this.#size > SARIF_MAX) throw tooLarge();
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }
}

async function readBounded(file: string): Promise<Buffer> {
  if (!(await stat(file)).isFile())
    throw new StepProblem('HYBRID_SARIF is not a file: the report belongs there');
  const content = new Bounded();
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) content.add(chunk);
  return content.bytes();
}

function tooLarge(): StepProblem {
  return new StepProblem(
    `the scanner's report has more than ${SARIF_MAX / 1024 ** 2} MiB: scan fewer files or with fewer rules`,
  );
}

/** One word for a POSIX shell, whatever is in it. */
function quoted(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}
