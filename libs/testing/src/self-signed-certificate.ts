/** A certificate for localhost and an address, signed by its own key: written as DER, so that specs need no openssl. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

/** Writes `<name>.crt` and `<name>.key` (PEM, valid for a day from a day ago) into the directory. @param address IPv4. @param hosts Names beside localhost. */
export async function selfSignedCertificate(
  directory: string,
  name: string,
  address = '127.0.0.1',
  hosts: string[] = [],
): Promise<CertificateFiles> {
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const body = certificateBody(name, address, hosts, keys.publicKey);
  const signature = sign('sha256', body, createPrivateKey(keys.privateKey));
  const certificate = sequence(body, ECDSA_SHA256, bitString(signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  const files = { certFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
  const pem = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  await writeFile(files.certFile, pem);
  await writeFile(files.keyFile, keys.privateKey, { mode: 0o600 });
  return files;
}

function certificateBody(name: string, address: string, hosts: string[], publicKey: Buffer): Buffer {
  const distinguished = sequence(element(0x31, sequence(COMMON_NAME, element(0x0c, Buffer.from(name)))));
  const day = 24 * 60 * 60 * 1000;
  const names = sequence(
    ...['localhost', ...hosts].map((host) => element(0x82, Buffer.from(host))),
    element(0x87, Buffer.from(address.split('.').map(Number))),
  );
  const extensions = sequence(
    // Its own authority, so that clients may name it as the one they trust.
    sequence(BASIC_CONSTRAINTS, element(0x01, Buffer.from([0xff])), element(0x04, sequence(TRUE))),
    sequence(ALTERNATIVE_NAMES, element(0x04, names)),
  );
  return sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    distinguished,
    sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + day))),
    distinguished,
    publicKey,
    element(0xa3, extensions),
  );
}

const objectId = (hex: string) => element(0x06, Buffer.from(hex, 'hex'));
const ECDSA_SHA256 = sequence(objectId('2a8648ce3d040302'));
const COMMON_NAME = objectId('550403');
const BASIC_CONSTRAINTS = objectId('551d13');
const ALTERNATIVE_NAMES = objectId('551d11');
const TRUE = element(0x01, Buffer.from([0xff]));

function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts));
}

function bitString(content: Buffer): Buffer {
  return element(0x03, Buffer.concat([Buffer.from([0]), content]));
}

/** GeneralizedTime, which X.509 wants only after 2049 but every reader takes. */
function time(at: Date): Buffer {
  const text = at.toISOString().replace(/[-T:]/g, '').slice(0, 14);
  return element(0x18, Buffer.from(`${text}Z`));
}
