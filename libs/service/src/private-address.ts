/** Which addresses are of networks that not everybody reaches: ours, above all. What is not known as public is private. */
import { BlockList, isIP, isIPv4 } from 'node:net';

/** The IANA registry of special-purpose addresses: what is not globally reachable; with multicast and what is reserved. */
const PRIVATE_V4 = networks('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);
const GLOBAL_V6 = networks('ipv6', ['2000::/3']);
/** With those that lead to an IPv4 address by a tunnel. */
const PRIVATE_V6 = networks('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);
/** Of IPv4-mapped addresses, and of those that a NAT64 translates: the IPv4 address is in the last 32 bits. */
const EMBEDDED_V4 = /^(?:::ffff:|64:ff9b::)(?:(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4}))?$/;

/** Also true of what is no address. */
export function isPrivateAddress(address: string): boolean {
  if (isIPv4(address)) return PRIVATE_V4.check(address);
  const text = canonical(address);
  if (text === null) return true;
  const embedded = EMBEDDED_V4.exec(text);
  if (embedded) {
    const [high, low] = [embedded[1], embedded[2]].map((part = '0') => parseInt(part, 16)) as [
      number,
      number,
    ];
    return isPrivateAddress([high >> 8, high & 255, low >> 8, low & 255].join('.'));
  }
  return !GLOBAL_V6.check(text, 'ipv6') || PRIVATE_V6.check(text, 'ipv6');
}

/** Whether the host of a URL says by itself that it is private; a name may turn out to be, once it is resolved. */
export function isPrivateHost({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return isIP(host) === 0 ? /(^|\.)localhost$/.test(host) : isPrivateAddress(host);
}

/** As URLs have it: lower case, the longest row of zeros left out, no dots. Null for an address of one link (`%eth0`). */
function canonical(address: string): string | null {
  const url = `http://[${address}]`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : null;
}

function networks(family: 'ipv4' | 'ipv6', list: string[]): BlockList {
  const found = new BlockList();
  for (const network of list) {
    const [address = '', bits] = network.split('/');
    found.addSubnet(address, Number(bits), family);
  }
  return found;
}
