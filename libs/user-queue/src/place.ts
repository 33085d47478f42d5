/** A host that a configuration names: whether it may be connected to, and in plain text. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { OpenOptions } from './open.js';
import { QueueError } from './user-queue.js';

export class Place {
  private constructor(
    readonly host: string,
    private readonly allowed: OpenOptions['allowHost'],
  ) {}

  /** @throws QueueError where plain text would leave this machine, unless that is allowed. */
  static of(url: string, options: OpenOptions): Place {
    if (!URL.canParse(url)) throw new QueueError('queue_misconfigured', 'the address of the queue is no URL');
    const { protocol, hostname } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    if (protocol === 'http:' && !isLoopback(host) && !options.allowPlainText)
      throw new QueueError('queue_misconfigured', `${host} would be reached in plain text; use https`);
    return new Place(host, options.allowHost);
  }

  get isLoopback(): boolean {
    return isLoopback(this.host);
  }

  /**
   * Before each call. The SDK looks the name up again; that somebody else answers then is what TLS is for.
   * @throws QueueError `queue_denied` where an address of the host is not allowed.
   */
  async check(): Promise<void> {
    if (!this.allowed) return;
    const addresses = isIP(this.host)
      ? [{ address: this.host }]
      : await lookup(this.host, { all: true }).catch(() => {
          throw new QueueError(
            'queue_unavailable',
            `the name ${this.host} is not known; look at the configuration and at DNS`,
          );
        });
    if (!addresses.every(({ address }) => this.allowed!(address)))
      throw new QueueError(
        'queue_denied',
        // Not which address: whoever names the queue may not learn what our names stand for.
        `${this.host} is at an address that connections may not go to from here: name a public one, or have the operator allow it`,
      );
  }
}

/** The identity of the control plane or of the relay is for the cloud alone: another host could use its token elsewhere. */
export function needsCredential(host: string, cloud: string): QueueError {
  return new QueueError(
    'queue_misconfigured',
    `${host} is no host of ${cloud}, so the machine's own identity is not shown to it; hand in a credential`,
  );
}

const isLoopback = (host: string) => /^(localhost|127(\.\d+){3}|::1)$/.test(host);
