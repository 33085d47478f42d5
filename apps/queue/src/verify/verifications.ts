import {
  problem,
  verificationSubject,
  type QueueVerification,
  type VerificationProgress,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, Logger } from '@nestjs/common';
import { Worker } from 'node:worker_threads';

/** To the thread, as its `workerData`. */
export interface VerificationInput {
  eventStoreUrl: string;
}

/** From the thread; the result comes last. */
export type VerificationMessage =
  { progress: VerificationProgress } | { warning: string } | { result: Omit<QueueVerification, 'seconds'> };

/** Beside the bundle. Specs run the sources, and a thread of theirs the bundle, as their processes do. */
const THREAD = import.meta.url.endsWith('.ts')
  ? new URL('../../../../dist/queue/verification.worker.js', import.meta.url)
  : new URL('./verification.worker.js', import.meta.url);
/** One token of a subject. */
const ID = /^[A-Za-z0-9_-]{1,100}$/;

@Injectable()
export class Verifications {
  private readonly logger = new Logger(Verifications.name);
  private running = false;

  constructor(private readonly connections: Connections) {}

  /**
   * Reads the whole log, of all organisations, in a thread of its own; tells its progress on `verificationSubject(id)`.
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
    const subject = verificationSubject(id);
    try {
      const result = await this.inThread((progress) =>
        this.connections.nats.publish(subject, JSON.stringify(progress)),
      );
      return { ...result, seconds: Math.round(performance.now() - begun) / 1000 };
    } finally {
      this.running = false;
    }
  }

  private async inThread(tell: (progress: VerificationProgress) => void) {
    const { stopping, eventStoreUrl } = this.connections;
    const thread = new Worker(THREAD, { workerData: { eventStoreUrl } satisfies VerificationInput });
    const stop = () => void thread.terminate();
    stopping.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<Omit<QueueVerification, 'seconds'>>((done, failed) => {
        thread.on('message', (message: VerificationMessage) => {
          if ('progress' in message) tell(message.progress);
          else if ('warning' in message) this.logger.warn(message.warning);
          else done(message.result);
        });
        thread.once('error', failed);
        thread.once('exit', () => failed(stopping.aborted ? stops() : new Error('its thread ended early')));
        if (stopping.aborted) stop();
      });
    } finally {
      stopping.removeEventListener('abort', stop);
      await thread.terminate();
    }
  }
}

function stops() {
  return problem('unavailable', 'queue_stopping', 'this replica of the queue stops; ask again in a moment');
}
