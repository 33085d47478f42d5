/** The gateway's certificate and key: read and tried at start, and again while it runs, as certificates are renewed. */
import { Logger } from '@nestjs/common';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:tls';

/** Two small files; by reading, as watching misses what is mounted anew or renamed into place. */
const LOOK_MS = 10_000;

export interface CertificateFiles {
  /** PEM: the server's certificate, then those between it and the authority. */
  certFile: string;
  /** PEM, without a passphrase. */
  keyFile: string;
}

export interface Pair {
  cert: string;
  key: string;
}

/** @throws Error that names the setting, the file, and what is wrong with it. */
export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Pair> {
  const cert = await read(certFile, 'HYBRID_TLS_CERT_FILE');
  const key = await read(keyFile, 'HYBRID_TLS_KEY_FILE');
  const certificate = parsed(
    'HYBRID_TLS_CERT_FILE',
    certFile,
    'a certificate',
    () => new X509Certificate(cert),
  );
  const privateKey = parsed('HYBRID_TLS_KEY_FILE', keyFile, 'a private key without a passphrase', () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(privateKey))
    throw new Error(
      `the key in ${keyFile} is not that of the certificate in ${certFile}: ` +
        'set HYBRID_TLS_CERT_FILE and HYBRID_TLS_KEY_FILE to a pair',
    );
  return { cert, key };
}

/** What is wrong with its time, or null. Clients will say so too: it is no reason not to start. */
export function expiry(cert: string, now = Date.now()): string | null {
  const { validFrom, validTo } = new X509Certificate(cert);
  if (Date.parse(validTo) <= now) return `it has expired (${validTo})`;
  if (Date.parse(validFrom) > now) return `it is not valid before ${validFrom}`;
  return null;
}

/** Serves what the files hold, from soon after they change; keeps what it has while they are no pair. */
export function renewCertificate(
  server: Pick<Server, 'setSecureContext'>,
  files: CertificateFiles,
  served: Pair,
  lookMs = LOOK_MS,
): () => void {
  const logger = new Logger('certificate');
  const warn = (cert: string) => {
    const wrong = expiry(cert);
    if (wrong) logger.warn(`the certificate in ${files.certFile}: ${wrong}: renew it`);
  };
  let current = served;
  let trouble = { message: '', times: 0 };
  let looking = false;
  warn(served.cert);
  const look = async () => {
    try {
      const pair = await readCertificate(files);
      trouble = { message: '', times: 0 };
      if (pair.cert === current.cert && pair.key === current.key) return;
      server.setSecureContext({ ...pair, minVersion: MIN_VERSION });
      current = pair;
      logger.warn(`serving the new certificate in ${files.certFile}`);
      warn(pair.cert);
    } catch (error) {
      const { message } = error as Error;
      trouble = { message, times: message === trouble.message ? trouble.times + 1 : 1 };
      // One file is often written before the other: worth a word only if it is still so the next time.
      if (trouble.times === 2) logger.error(`${message}; the certificate from before is served still`);
    }
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => (looking = false));
  }, lookMs).unref();
  return () => clearInterval(timer);
}

export const MIN_VERSION = 'TLSv1.2';

async function read(file: string, setting: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Error(`${setting}: cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function parsed<T>(setting: string, file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Error(`${setting}: ${file} does not hold ${what} as PEM`, { cause });
  }
}
