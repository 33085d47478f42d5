/** Tells a process from a later one with the same number, by its start time where the system shows it (Linux). */
import { readFile } from 'node:fs/promises';

/** `<pid> <start time>`; the start time is empty where it cannot be read. */
export async function identityOf(pid: number): Promise<string> {
  return `${pid} ${await startTime(pid)}`;
}

/** True while the very process of `identity` lives. */
export async function isAlive(identity: string): Promise<boolean> {
  const pid = Number(identity.split(' ')[0]);
  return signalReaches(pid) && (await identityOf(pid)) === identity;
}

/** True when process `pid`, or group `-pid`, exists. */
export function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function startTime(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Field 22, counted after the command, which is in brackets and may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
