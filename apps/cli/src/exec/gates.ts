/** Who decides the manual gates of a local run: whoever started it, at the terminal. */
import { createInterface } from 'node:readline/promises';
import pc from 'picocolors';
import type { Output } from '../output.js';
import { terminalText } from '../text/terminal-text.js';

export interface GateAnswer {
  decision: 'approved' | 'rejected';
  reason: string | null;
}

/** Answers for a gate by the id of its step; rejects when `signal` aborts: the gate is not open any more. */
export type AskGate = (gate: string, signal: AbortSignal) => Promise<GateAnswer>;

export function gateKeeper(out: Output, approveAll: boolean): AskGate {
  if (approveAll) return () => Promise.resolve({ decision: 'approved', reason: '--yes' });
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    const reason = 'nobody can be asked, as this is no terminal: --yes approves every gate';
    return (gate) => {
      out.note(`${terminalText(gate, false)}: ${reason}`);
      return Promise.resolve({ decision: 'rejected', reason });
    };
  }
  // One question at a time.
  let last: Promise<unknown> = Promise.resolve();
  return (gate, signal) => {
    const answer = last.then(() => ask(terminalText(gate, false), signal));
    last = answer.catch(() => undefined);
    return answer;
  };
}

async function ask(gate: string, signal: AbortSignal): Promise<GateAnswer> {
  signal.throwIfAborted();
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-D is no answer; Ctrl-C reaches readline alone while it reads.
  const closed = new AbortController();
  terminal.once('close', () => closed.abort());
  terminal.on('SIGINT', () => process.emit('SIGINT'));
  const until = { signal: AbortSignal.any([signal, closed.signal]) };
  try {
    const answer = await terminal.question(
      pc.yellow(`? ${gate} wants an approval: let it pass? [y/N] `),
      until,
    );
    const decision = /^y(es)?$/i.test(answer.trim()) ? 'approved' : 'rejected';
    const reason = (await terminal.question('  why (may be empty): ', until)).trim();
    return { decision, reason: reason || null };
  } catch (error) {
    signal.throwIfAborted();
    if (!closed.signal.aborted) throw error;
    return { decision: 'rejected', reason: 'there was no answer' };
  } finally {
    terminal.close();
  }
}
