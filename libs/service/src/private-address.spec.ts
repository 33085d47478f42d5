import { describe, expect, it } from '@jest/globals';
import { isPrivateAddress, isPrivateHost } from './private-address.js';

describe('an address is private', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    'fec0::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '0:0:0:0:0:FFFF:0A00:0001',
    '::10.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::',
    '64:ff9b:1::808:808',
    '2002:a00:1::1',
    '2001::1',
    '2001:db8::1',
    '',
    'localhost',
    'example.com',
  ])('%j', (address) => expect(isPrivateAddress(address)).toBe(true));

  it.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '128.0.0.1',
    '169.253.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2A00:1450::200E',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
  ])('not %s', (address) => expect(isPrivateAddress(address)).toBe(false));
});

describe('the host of a URL says that it is private', () => {
  it.each([
    'http://127.0.0.1:8080',
    'https://0x7f.1/keys',
    'https://2130706433',
    'https://0177.0.0.1',
    'https://127.1',
    'https://[::1]',
    'https://[::ffff:10.0.0.1]',
    'https://169.254.169.254/latest',
    'https://localhost',
    'https://LOCALHOST.',
    'https://a.localhost',
  ])('%s', (url) => expect(isPrivateHost(new URL(url))).toBe(true));

  it.each([
    'https://issuer.example.com',
    'https://notlocalhost',
    'https://1.1.1.1',
    'https://[2606:4700::1]',
  ])('not %s', (url) => expect(isPrivateHost(new URL(url))).toBe(false));
});
