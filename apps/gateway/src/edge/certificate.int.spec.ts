import { eventually, selfSignedCertificate } from '@hybrid/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expiry, readCertificate, renewCertificate, type CertificateFiles } from './certificate.js';

const DAY_MS = 86_400_000;

describe('the certificate', () => {
  let directory: string;
  let files: CertificateFiles;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-certificate-'));
    files = await selfSignedCertificate(directory, 'gateway');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is read with its key', async () => {
    expect(await readCertificate(files)).toEqual({
      cert: await readFile(files.certFile, 'utf8'),
      key: await readFile(files.keyFile, 'utf8'),
    });
  });

  it.each<[what: string, change: () => Promise<unknown>, message: RegExp]>([
    ['that is not there', () => rm(files.certFile), /^HYBRID_TLS_CERT_FILE: cannot read .*gateway\.crt/],
    ['whose key is not there', () => rm(files.keyFile), /^HYBRID_TLS_KEY_FILE: cannot read .*gateway\.key/],
    [
      'that is no PEM',
      () => writeFile(files.certFile, 'x'),
      /gateway\.crt does not hold a certificate as PEM/,
    ],
    ['whose key is no PEM', () => writeFile(files.keyFile, 'x'), /gateway\.key does not hold a private key/],
    [
      'whose key is that of another',
      async () => copyFile((await selfSignedCertificate(directory, 'other')).keyFile, files.keyFile),
      /the key in .*gateway\.key is not that of the certificate/,
    ],
  ])('%s is refused by name, and what is in it is not told', async (_, change, message) => {
    const secret = (await readFile(files.keyFile, 'utf8')).split('\n')[1]!;
    await change();
    const error = await readCertificate(files).catch((refused: Error) => refused);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain(secret);
  });

  it('that has expired, or is not valid yet, is told', async () => {
    const { cert } = await readCertificate(files);
    expect(expiry(cert)).toBeNull();
    expect(expiry(cert, Date.now() + 3 * DAY_MS)).toMatch(/has expired/);
    expect(expiry(cert, Date.now() - 3 * DAY_MS)).toMatch(/is not valid before/);
  });

  it('that is renewed is served once both files are there', async () => {
    const served: string[] = [];
    const server = { setSecureContext: ({ cert }: { cert?: unknown }) => void served.push(cert as string) };
    const stop = renewCertificate(server, files, await readCertificate(files), 20);
    try {
      const next = await selfSignedCertificate(directory, 'next');
      await copyFile(next.certFile, files.certFile);
      await expect(readCertificate(files)).rejects.toThrow(/is not that of/);
      await copyFile(next.keyFile, files.keyFile);
      await eventually(() => expect(served).toHaveLength(1));
      expect(served[0]).toBe(await readFile(next.certFile, 'utf8'));
    } finally {
      stop();
    }
  });
});
