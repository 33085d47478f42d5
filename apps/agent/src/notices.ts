/** What the agent tells its operator: one line on stderr for each change of state. Never a token, never a secret. */
export type Notify = (text: string) => void;

export function notifyOnStderr(text: string): void {
  process.stderr.write(`${new Date().toISOString()} agent: ${text}\n`);
}
