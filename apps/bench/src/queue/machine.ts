/** What the machine gives at the moment, so that a reader can judge the other figures. */
import { readFile, rm, statfs } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { measureSync } from '../store/limits.js';

/** /proc counts in ticks of 10 ms on every Linux that Node runs on (USER_HZ). */
const TICK_MS = 10;
const SYNCS = 200;
/** Of statfs(2): there, a sync costs nothing and proves nothing. */
const TMPFS = 0x01021994;

/** Milliseconds of CPU that each process and its children had so far, by name; 0 where there is no /proc. */
export async function cpuOf(pids: Record<string, number>): Promise<Record<string, number>> {
  const entries = Object.entries(pids).map(async ([name, pid]) => [name, await withChildren(pid)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function withChildren(pid: number): Promise<number> {
  const [stat, children] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
    readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => ''),
  ]);
  // Behind the name, which may hold anything: utime, stime, and those of children that ended, are fields 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * TICK_MS;
  const below = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(withChildren));
  return below.reduce((sum, ms) => sum + ms, own);
}

/** Writes of one record, each with its fdatasync, by one writer: a second. */
export async function syncsPerSecond(directory: string): Promise<number> {
  const { rate } = await measureSync(directory, SYNCS);
  await rm(join(directory, 'raw'));
  return rate;
}

export async function isInMemory(directory: string): Promise<boolean> {
  return (await statfs(directory)).type === TMPFS;
}

export function machine(): { cpus: number; cpu: string; memoryGb: number; node: string } {
  const [first] = cpus();
  return {
    cpus: cpus().length,
    cpu: first?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
  };
}
