/**
 * Verifies the served store from time to time: damage that no read meets would be found when it is too late, and the
 * name of a stream has no checksum that a read could check. A process of its own, so that a page that ends it does not
 * end the server, and of the lowest priority.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';

const HOUR_MS = 3_600_000;
/** A server that is restarted every day would otherwise never get to it. */
const FIRST_AFTER_HOURS = 1;
const LOWEST_PRIORITY = 19;

export class Scrub {
  private timer: NodeJS.Timeout | undefined;
  private child: ChildProcess | undefined;
  private stopped = false;

  /** Every `hours`; 0 for never. `found` hears what is wrong. */
  constructor(
    private readonly directory: string,
    private readonly hours: number,
    private readonly found: (damage: Error) => void,
  ) {}

  start(): void {
    if (this.hours > 0) this.schedule(Math.min(FIRST_AFTER_HOURS, this.hours));
  }

  /** Ends a verification that is under way. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.child?.kill();
  }

  private schedule(hours: number): void {
    this.timer = setTimeout(() => this.verify(), hours * HOUR_MS);
    this.timer.unref();
  }

  private verify(): void {
    const child = spawn(process.execPath, [process.argv[1] ?? '', 'verify', this.directory], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    if (child.pid !== undefined) lowerPriority(child.pid);
    let report = '';
    let reason = '';
    child.stdout.on('data', (chunk) => (report += String(chunk)));
    child.stderr.on('data', (chunk) => (reason = String(chunk)));
    child.once('error', (error) => (reason = error.message));
    child.once('close', (code, signal) => {
      if (this.stopped) return;
      // 1 without a report: it could not do its work, which is no damage.
      if (code === 1 && report !== '') this.found(new Error(report.trim()));
      else if (signal)
        this.found(new Error(`Verifying ${this.directory} was ended by ${signal}: run verify`));
      else if (code !== 0)
        process.stderr.write(`event-store: could not verify the store: ${reason.trim()}\n`);
      this.schedule(this.hours);
    });
  }
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, LOWEST_PRIORITY);
  } catch {
    // It has ended already, or this system has no priorities.
  }
}
