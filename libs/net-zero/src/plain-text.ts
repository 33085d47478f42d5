/** Where the relay would send a secret or a delivery to another machine without TLS. */
import type { NetZero } from './net-zero.js';

const WITHOUT_TLS = /^(http|nats|redis):$/;
/** As it is written: a name that stands for this machine today may stand for another one tomorrow. */
const THIS_MACHINE = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

export interface PlainText {
  /** JSON pointer of the address. */
  pointer: string;
  message: string;
}

/** None where `relay.allow_plain_text` allows it, or where the configuration has no relay. */
export function sentInPlainText({ relay, queue }: NetZero): PlainText[] {
  if (!relay || relay.allow_plain_text) return [];
  const { control_plane } = relay;
  const rows: [pointer: string, what: string, url: unknown][] = [
    ['/relay/control_plane/url', "the relay's join token and API key", control_plane?.url],
    [
      '/relay/control_plane/oauth2/token_url',
      "the relay's client secret and tokens",
      control_plane?.oauth2?.token_url,
    ],
    // Each kind of queue has its address in one of these.
    ...['url', 'account_url', 'endpoint'].map((key): [string, string, unknown] => [
      `/queue/${key}`,
      "deliveries and the queue's credential",
      (queue as unknown as Record<string, unknown>)[key],
    ]),
  ];
  return rows.flatMap(([pointer, what, url]) => {
    const host = withoutTls(url);
    if (host === undefined) return [];
    return {
      pointer,
      message: `${what} would cross to ${host} without TLS, and everybody on the way could read and change them: name an address with TLS (https, tls, rediss), or write \`allow_plain_text: true\` in \`relay\` if the network keeps others away`,
    };
  });
}

/** The host, if it is another machine's. */
function withoutTls(url: unknown): string | undefined {
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined;
  const { protocol, hostname } = new URL(url);
  return WITHOUT_TLS.test(protocol) && !THIS_MACHINE.test(hostname) ? hostname : undefined;
}
