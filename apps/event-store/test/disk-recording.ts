/**
 * What a process did to one file, in order, as strace saw it, and the file as a power cut at any moment could leave it:
 * all that was synced before, and of the later writes any sectors, each as it was after any of them.
 */
import { readFileSync } from 'node:fs';

/** Disks write a sector whole or not at all; 512 bytes is the smallest there is. */
const SECTOR = 512;

export type DiskCall = {
  /** Seconds since 1970: when it began, and when it was over. */
  began: number;
  ended: number;
} & (
  | { kind: 'write'; at: number; bytes: Buffer; /** The call syncs what it writes. */ synced: boolean }
  | { kind: 'sync' }
);

/** The options for strace that make a recording of `file` in `output`. */
export function recordingOptions(file: string, output: string): string[] {
  const calls = 'openat,lseek,write,writev,pwrite64,pwritev,pwritev2,fdatasync,fsync,msync,ftruncate,close';
  const whole = ['-v', '-xx', '-s', '100000000'];
  return ['-f', '-qq', '-ttt', '-T', ...whole, '-e', `trace=${calls}`, '-P', file, '-o', output];
}

/** Reads a recording. Throws on a call that it cannot account for: it must not be left out. */
export function readRecording(output: string): DiskCall[] {
  const calls: DiskCall[] = [];
  const begun = new Map<string, string>();
  const synced = new Set<number>();
  const offsets = new Map<number, number>();
  for (const line of readFileSync(output, 'latin1').split('\n')) {
    const call = wholeCall(line, begun);
    if (!call) continue;
    const [, began, name, args, result, lasted] =
      /^([\d.]+) (\w+)\((.*)\) += (-?\d+).*<([\d.]+)>$/.exec(call) ?? [];
    if (!name || !args) throw new Error(`A line of strace that is not understood: ${call.slice(0, 200)}`);
    const times = { began: Number(began), ended: Number(began) + Number(lasted) };
    const file = Number(/^\d+/.exec(args)?.[0]);
    if (Number(result) < 0) continue;
    switch (name) {
      case 'openat':
        if (/O_D?SYNC/.test(args)) synced.add(Number(result));
        else synced.delete(Number(result));
        break;
      case 'lseek':
        offsets.set(file, Number(result));
        break;
      case 'write':
      case 'writev': {
        const at = offsets.get(file) ?? 0;
        const bytes = bytesOf(args).subarray(0, Number(result));
        offsets.set(file, at + bytes.length);
        calls.push({ kind: 'write', at, bytes, synced: synced.has(file), ...times });
        break;
      }
      case 'pwrite64':
      case 'pwritev': {
        const at = Number(/, (\d+)$/.exec(args)?.[1]);
        const bytes = bytesOf(args).subarray(0, Number(result));
        calls.push({ kind: 'write', at, bytes, synced: synced.has(file), ...times });
        break;
      }
      case 'fsync':
      case 'fdatasync':
        calls.push({ kind: 'sync', ...times });
        break;
      case 'close':
        break;
      default:
        throw new Error(`The recording has a call of ${name}, which is not accounted for`);
    }
  }
  return calls;
}

/** The file while power goes at the call `cut`, which is under way; `keep` decides for each sector of a late write. */
export class Disk {
  private synced: Buffer = Buffer.alloc(0);
  private pending: { at: number; bytes: Buffer }[] = [];

  /** Takes a call that is over. */
  take(call: DiskCall): void {
    if (call.kind === 'sync') {
      for (const { at, bytes } of this.pending) this.synced = put(this.synced, at, bytes);
      this.pending = [];
    } else if (call.synced) {
      this.synced = put(this.synced, call.at, call.bytes);
    } else this.pending.push(call);
  }

  cut(under: DiskCall | undefined, keep: () => boolean): Buffer {
    let file: Buffer = Buffer.from(this.synced);
    for (const { at, bytes } of under?.kind === 'write' ? [...this.pending, under] : this.pending)
      for (let start = at; start < at + bytes.length;) {
        const end = Math.min(start - (start % SECTOR) + SECTOR, at + bytes.length);
        if (keep()) file = put(file, start, bytes.subarray(start - at, end - at));
        start = end;
      }
    return file;
  }
}

/** The call as one line without the process id, also when another's calls came in between. */
function wholeCall(line: string, begun: Map<string, string>): string | undefined {
  const [, pid = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
  if (!text || /^[\d.]+ (\+\+\+|---)/.test(text)) return undefined;
  if (text.endsWith('<unfinished ...>')) {
    begun.set(pid, text.slice(0, -' <unfinished ...>'.length).trimEnd());
    return undefined;
  }
  const resumed = /^[\d.]+ <\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
  return resumed === undefined ? text : `${begun.get(pid)}${resumed}`;
}

/** All strings of the arguments, which strace writes as "\x00\x01…", one after the other. */
function bytesOf(args: string): Buffer {
  const strings = args.match(/"(?:\\x[0-9a-f]{2})*"/g) ?? [];
  return Buffer.from(strings.join('').replaceAll('"', '').replaceAll('\\x', ''), 'hex');
}

function put(file: Buffer, at: number, bytes: Buffer): Buffer {
  const grown =
    at + bytes.length <= file.length
      ? file
      : Buffer.concat([file, Buffer.alloc(at + bytes.length - file.length)]);
  grown.set(bytes, at);
  return grown;
}
