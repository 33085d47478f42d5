/** Under which origin people reach this gateway: where providers send them back to, and what is the same site. */
import { problem } from '@hybrid/contracts';
import { isLoopback } from './loopback.js';

export class PublicUrl {
  private constructor(private readonly configured: URL | null) {}

  /** @throws Error that says how HYBRID_PUBLIC_URL must look. */
  static parse(text: string | undefined): PublicUrl {
    if (!text) return new PublicUrl(null);
    let url: URL;
    try {
      url = new URL(text);
    } catch (cause) {
      throw new Error('HYBRID_PUBLIC_URL must look like https://hybrid.example.com', { cause });
    }
    if (url.origin === 'null' || `${url.origin}/` !== url.href)
      throw new Error(
        'HYBRID_PUBLIC_URL must be an origin, without a path, such as https://hybrid.example.com',
      );
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname)))
      throw new Error('HYBRID_PUBLIC_URL must begin with https://: cookies of sessions go over nothing else');
    return new PublicUrl(url);
  }

  /**
   * Without the setting, and where it is plain http, people sign in on the gateway's own machine only: browsers keep
   * `__Host-` cookies of http://127.0.0.1 and http://localhost (Chromium, Firefox), and what they carry goes over no wire.
   * @throws ProblemError `sign_in_needs_https`.
   */
  originFor({ headers, protocol }: { headers: { host?: string | undefined }; protocol: string }): string {
    if (this.configured?.protocol === 'https:') return this.configured.origin;
    const host = URL.canParse(`http://${headers.host}`) ? new URL(`http://${headers.host}`) : undefined;
    if (!host || !isLoopback(host.hostname))
      throw problem(
        'forbidden',
        'sign_in_needs_https',
        'people sign in over https only: set HYBRID_PUBLIC_URL to the https:// address of this gateway',
      );
    return this.configured?.origin ?? `${protocol}://${host.host}`;
  }
}
