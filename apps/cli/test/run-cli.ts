/** Runs the built command as its users do. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { TOKEN } from './fake-gateway.js';

const bundle = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface CliRun {
  process: ChildProcess;
  stdout(): string;
  stderr(): string;
  exitCode: Promise<number | null>;
}

export function runCli(
  args: string[],
  options: { url?: string; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): CliRun {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [bundle, ...args], {
    cwd: options.cwd,
    env: {
      PATH,
      HOME,
      NO_COLOR: '1',
      HYBRID_TOKEN: TOKEN,
      ...(options.url && { HYBRID_URL: options.url }),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    exitCode: new Promise((resolve) => child.once('close', (code) => resolve(code))),
  };
}

export async function cliResult(
  run: CliRun,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const code = await run.exitCode;
  return { code, stdout: run.stdout(), stderr: run.stderr() };
}
