/** What the person at the terminal sees of the launcher itself. */
import pc from 'picocolors';

export interface Progress {
  line(text?: string): void;
  /** Something of note that is no failure. */
  note(text: string): void;
  failure(text: string): void;
  /** Shows how long `work` took, once it is done. */
  timed<T>(name: string, work: Promise<T>, done?: string): Promise<T>;
}

const NAME_WIDTH = 12;

export function terminalProgress(write: (text: string) => void): Progress {
  const line = (text = '') => write(`${text}\n`);
  return {
    line,
    note: (text) => line(pc.yellow(text)),
    failure: (text) => line(pc.red(`error: ${text}`)),
    async timed(name, work, done = 'up') {
      const start = performance.now();
      const value = await work;
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      line(`  ${name.padEnd(NAME_WIDTH)} ${pc.green(done)} in ${seconds} s`);
      return value;
    },
  };
}
