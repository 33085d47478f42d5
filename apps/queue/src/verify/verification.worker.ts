/** The thread of a verification. It has a connection of its own to the event store: nothing of it stands in the claims' way. */
import { connectEventStore, disposeEventStore } from '@hybrid/event-store';
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { REPLAYED_PREFIXES } from './log-replay.js';
import { readLog } from './read-log.js';
import { Verifier } from './verifier.js';
import type { VerificationInput, VerificationMessage } from './verifications.js';

/** Four times a second. */
const PROGRESS_MS = 250;

yieldToClaims();
const { eventStoreUrl } = workerData as VerificationInput;
const client = connectEventStore(eventStoreUrl);
const verifier = new Verifier();
let told = performance.now();

await readLog({ client, prefixes: REPLAYED_PREFIXES, log: (warning) => post({ warning }) }, (stored) => {
  verifier.take(stored);
  tellNowAndThen();
});
for (const _ of verifier.end()) tellNowAndThen();
post({ progress: verifier.progress });
post({ result: verifier.result });
await disposeEventStore(client);

function tellNowAndThen(): void {
  if (performance.now() - told < PROGRESS_MS) return;
  told = performance.now();
  post({ progress: verifier.progress });
}

function post(message: VerificationMessage): void {
  parentPort!.postMessage(message);
}

/** Where it is told apart from the other threads, which is on Linux, it gets what they leave of the processors. */
function yieldToClaims(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Then it takes its share.
  }
}
