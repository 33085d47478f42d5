/** Imported first: where gRPC finds whom it trusts is read when it is loaded, and the testing library loads it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const directory = mkdtempSync(join(tmpdir(), 'hybrid-pubsub-'));
export const name = 'pubsub';
process.env['GRPC_DEFAULT_SSL_ROOTS_FILE_PATH'] = join(directory, `${name}.crt`);
