/**
 * Nonces that were used, shared by all gateways: JetStream forgets a message's id only after the stream's duplicate
 * window, and says when one comes again. The stream lies in memory and keeps no message, only ids: 250 MB for a million
 * of them, which is 1,600 requests a second.
 *
 * When NATS loses its memory, the ids are gone. So each life of the stream has its own subject: whoever still publishes
 * to that of an earlier life is told that nobody listens, learns the new one, and takes nothing that was signed before it.
 */
import { problem, type ProblemError } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import {
  DiscardPolicy,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { headers, nanos, type NatsConnection } from '@nats-io/transport-node';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';

const STREAM = 'NONCES';
/** Seconds that the clocks of an agent and a gateway may be apart, either way. */
export const CLOCK_SKEW_SECONDS = 300;
/** From the earliest to the latest moment at which a gateway takes a request, and a minute for clocks of gateways. */
const WINDOW_MS = (2 * CLOCK_SKEW_SECONDS + 60) * 1000;
/** An answer takes a millisecond. */
const TIMEOUT_MS = 2_000;

interface Life {
  subject: string;
  /** Seconds since 1970, by a gateway's clock; what was signed until then may have been used in an earlier life. */
  since: number;
}

@Injectable()
export class Nonces implements OnModuleInit {
  private readonly nats: NatsConnection;
  private life: Promise<Life> | null = null;

  constructor({ nats }: Connections) {
    this.nats = nats;
  }

  /** The gateway is not ready before agents' requests can be taken. */
  async onModuleInit(): Promise<void> {
    const { since } = await this.present();
    // A timer may end a millisecond early.
    await pause(Math.min(1_000, Math.max(0, (since + 1) * 1000 - Date.now())) + 2);
  }

  /**
   * Uses it up.
   * @param created when the request was signed, seconds since 1970.
   * @throws ProblemError `replayed`; `service_unavailable` where NATS does not say whether it was used.
   */
  async use(nonce: string, created: number): Promise<void> {
    const life = await this.present();
    if (created <= life.since) throw replayed();
    const options = { headers: headers(), timeout: TIMEOUT_MS };
    options.headers.set('Nats-Msg-Id', nonce);
    let answer: { duplicate?: boolean; error?: unknown };
    try {
      answer = (await this.nats.request(life.subject, undefined, options)).json();
    } catch (cause) {
      // Nobody may listen on the subject any more.
      this.life = null;
      throw unavailable(cause);
    }
    if (answer.error !== undefined) throw unavailable(answer.error);
    if (answer.duplicate) throw replayed();
  }

  private present(): Promise<Life> {
    this.life ??= openStream(this.nats).catch((cause: unknown) => {
      this.life = null;
      throw unavailable(cause);
    });
    return this.life;
  }
}

/** Makes the stream where it is missing; of gateways that do so at once the first one wins. */
async function openStream(nats: NatsConnection): Promise<Life> {
  const { streams } = await jetstreamManager(nats);
  try {
    await streams.info(STREAM);
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.status === 404)) throw error;
    await streams
      .add({
        name: STREAM,
        subjects: [`nonce.${Date.now()}`],
        retention: RetentionPolicy.Limits,
        storage: StorageType.Memory,
        discard: DiscardPolicy.Old,
        max_msgs: 1,
        duplicate_window: nanos(WINDOW_MS),
      })
      .catch((failure: unknown) => {
        if (!(failure instanceof JetStreamApiError)) throw failure;
      });
  }
  const [subject = ''] = (await streams.info(STREAM)).config.subjects;
  return { subject, since: Math.floor(Number(subject.split('.')[1]) / 1000) };
}

function replayed(): ProblemError {
  return problem(
    'unauthenticated',
    'replayed',
    'this signature was used before, or may have been: sign each request anew, with a nonce of its own',
  );
}

function unavailable(cause: unknown): ProblemError {
  return Object.assign(
    problem(
      'unavailable',
      'service_unavailable',
      'NATS does not say whether this signature was used before; try again',
    ),
    { cause },
  );
}
