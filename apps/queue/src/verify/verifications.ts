import { problem, verificationSubject, type QueueVerification } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { inSlices, readLog } from './read-log.js';
import { REPLAYED_PREFIXES } from './log-replay.js';
import { Verifier } from './verifier.js';

/** Four times a second. */
const PROGRESS_MS = 250;
/** One token of a subject. */
const ID = /^[A-Za-z0-9_-]{1,100}$/;

@Injectable()
export class Verifications {
  private running = false;

  constructor(private readonly connections: Connections) {}

  /**
   * Reads the whole log, of all organisations; tells its progress on `verificationSubject(id)`.
   * @throws ProblemError `verification_id_invalid`, `verification_running`, `queue_stopping`.
   */
  async verify(id: string): Promise<QueueVerification> {
    if (!ID.test(id))
      throw problem(
        'invalid',
        'verification_id_invalid',
        'the id of a verification holds letters, digits, - and _ only, 100 at most',
      );
    if (this.running)
      throw problem(
        'conflict',
        'verification_running',
        'this replica of the queue is at a verification already; ask again when it is done',
      );
    this.running = true;
    const begun = performance.now();
    const verifier = new Verifier();
    const subject = verificationSubject(id);
    const tell = () => this.connections.nats.publish(subject, JSON.stringify(verifier.progress));
    const progress = setInterval(tell, PROGRESS_MS);
    try {
      await readLog(this.connections, { prefixes: REPLAYED_PREFIXES, after: null }, (stored) =>
        verifier.take(stored),
      );
      await inSlices(verifier.end());
      tell();
      return { ...verifier.result, seconds: Math.round(performance.now() - begun) / 1000 };
    } finally {
      clearInterval(progress);
      this.running = false;
    }
  }
}
