/** The real relay as its own process, from the bundle that is shipped. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bundle = fileURLToPath(new URL('../../../dist/relay/main.js', import.meta.url));

export interface RelayProcess {
  child: ChildProcess;
  /** What it wrote so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Once it listens. Rejects with what it said where it ends before. */
  url: Promise<string>;
  /** Exit code, or minus one after a signal. */
  ended: Promise<number>;
}

/** Starts the relay; `env` is all of its environment but PATH. */
export function startRelay(args: string[], env: Record<string, string> = {}): RelayProcess {
  const child = spawn(process.execPath, [bundle, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8');
    child[stream].on('data', (text: string) => (written[stream] += text));
  }
  const ended = new Promise<number>((end) => child.once('close', (code) => end(code ?? -1)));
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const found = /"url":"([^"]+)"/.exec(written.stdout);
      if (found?.[1]) resolve(found[1]);
    });
    void ended.then((code) => reject(new Error(`the relay ended with ${code}: ${written.stderr}`)));
  });
  url.catch(() => undefined);
  return {
    child,
    get stdout() {
      return written.stdout;
    },
    get stderr() {
      return written.stderr;
    },
    url,
    ended,
  };
}
