/** Tells a process from a later one with the same number, by its start time where the system shows it (Linux). */
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** `<pid> <start time>`; the start time is empty where it cannot be read. */
export async function identityOf(pid: number): Promise<string> {
  return `${pid} ${await startTime(pid)}`;
}

/** As `identityOf`, of a process that was just started: nothing comes in between. */
export function identityOfNew(pid: number): string {
  let stat = '';
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // No Linux.
  }
  return `${pid} ${startTimeIn(fieldsOf(stat))}`;
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

/**
 * True while a member of group `pid` lives. The dead whose parent does not ask after them (as where an agent is the first
 * process of its container) keep their number and can still be signalled; where the system shows it (Linux), they do not
 * count.
 */
export async function groupLives(pid: number): Promise<boolean> {
  if (!signalReaches(-pid)) return false;
  const numbers = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const members = (await Promise.all(numbers.map((number) => statOf(number)))).filter(
    ([, , group]) => group === String(pid),
  );
  return members.length === 0 || members.some(([state]) => state !== 'Z' && state !== 'X');
}

async function startTime(pid: number): Promise<string> {
  return startTimeIn(await statOf(pid));
}

function startTimeIn(fields: string[]): string {
  return fields[19] ?? '';
}

/** The fields of /proc/<pid>/stat from the third on (state, parent, group …); none where they cannot be read. */
async function statOf(pid: number | string): Promise<string[]> {
  return fieldsOf(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
}

function fieldsOf(text: string): string[] {
  // The second field is the command, which is in brackets and may hold anything.
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
