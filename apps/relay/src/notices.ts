/** What the relay tells its operator: one line on stderr for each change of state. Never a secret, nothing of a payload. */
export type Notify = (text: string) => void;

export function notifyOnStderr(text: string): void {
  process.stderr.write(`${new Date().toISOString()} relay: ${text}\n`);
}
