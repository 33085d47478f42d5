import { statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';

/** Percentages, 0 to 100, with one decimal; and what this process's user may still write. */
export interface MachineLoad {
  cpu_percent: number;
  memory_percent: number;
  disk_percent: number;
  disk_free_bytes: number;
}

/** Measures the machine: CPU since the last call, memory now, the disk that holds `path`. */
export class MachineLoadMeter {
  #before = cpuTimes();

  constructor(private readonly path: string) {}

  async read(): Promise<MachineLoad> {
    const now = cpuTimes();
    const total = now.total - this.#before.total;
    const idle = now.idle - this.#before.idle;
    this.#before = now;
    const disk = await statfs(this.path);
    return {
      cpu_percent: percent(total > 0 ? 1 - idle / total : 0),
      memory_percent: percent(1 - freemem() / totalmem()),
      disk_percent: percent(disk.blocks > 0 ? 1 - disk.bavail / disk.blocks : 0),
      disk_free_bytes: disk.bavail * disk.bsize,
    };
  }
}

function cpuTimes(): { idle: number; total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, total };
}

function percent(share: number): number {
  return Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10;
}
