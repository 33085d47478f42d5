/** The server's certificate and key, read and tried at start. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { BadSettingError } from '../settings.js';

export interface TlsFiles {
  /** PEM: the server's certificate, then those between it and the authority. */
  certFile: string;
  /** PEM, without a passphrase. */
  keyFile: string;
}

/** Credentials for the gRPC server: TLS when there are files. Throws BadSettingError. */
export function serverCredentials(files: TlsFiles | undefined): ServerCredentials {
  if (!files) return ServerCredentials.createInsecure();
  const cert = read(files.certFile, 'EVENT_STORE_TLS_CERT_FILE');
  const key = read(files.keyFile, 'EVENT_STORE_TLS_KEY_FILE');
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BadSettingError(
      `Cannot use the certificate ${files.certFile} with the key ${files.keyFile}: ${reason}. Both must be PEM, and the key the certificate's own.`,
      { cause },
    );
  }
  return ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]);
}

function read(path: string, setting: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BadSettingError(`Cannot read ${path}: ${reason}. Check ${setting}.`, { cause });
  }
}
