/** Files for TLS to NATS, read and tried at start; the client reads them again at each connection, so they may be renewed. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Paths of PEM files. */
export interface NatsTlsFiles {
  /** Of the authority that signed the server's certificate; those that Node knows unless told. */
  caFile?: string;
  /** What this process shows of itself, where the server wants that. */
  certFile?: string;
  keyFile?: string;
}

/** The same files as absolute paths. @throws Error that names the setting of the file that is no good. */
export function checkTlsFiles({ caFile, certFile, keyFile }: NatsTlsFiles): NatsTlsFiles {
  if (!certFile !== !keyFile)
    throw new Error('NATS_CERT_FILE and NATS_KEY_FILE belong together: set both, or neither');
  const files: NatsTlsFiles = {};
  if (caFile) {
    parse('NATS_CA_FILE', caFile, 'a certificate', (pem) => new X509Certificate(pem));
    files.caFile = resolve(caFile);
  }
  if (certFile && keyFile) {
    const certificate = parse('NATS_CERT_FILE', certFile, 'a certificate', (pem) => new X509Certificate(pem));
    const key = parse('NATS_KEY_FILE', keyFile, 'a private key', createPrivateKey);
    if (!certificate.checkPrivateKey(key))
      throw new Error(
        `NATS_KEY_FILE: ${keyFile} is not the key of the certificate ${certFile} (NATS_CERT_FILE)`,
      );
    files.certFile = resolve(certFile);
    files.keyFile = resolve(keyFile);
  }
  return files;
}

function parse<T>(setting: string, path: string, what: string, read: (pem: Buffer) => T): T {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Error(`${setting}: ${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
    });
  }
  try {
    // What is DER is taken by some of what reads it, and not by the client.
    if (!bytes.includes('-----BEGIN ')) throw new Error('no PEM');
    return read(bytes);
  } catch (cause) {
    throw new Error(`${setting}: ${path} is not ${what} in PEM form (-----BEGIN …)`, { cause });
  }
}
