const LOOPBACK = /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/;

/** Of a URL: what is sent there leaves this machine on no wire. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

export function isLoopbackHttp(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'http:' && isLoopback(new URL(url).hostname);
}
