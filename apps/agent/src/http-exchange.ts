/** One HTTP exchange over node:http(s): streams both ways, aborts, and gives up on a silent connection. */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';

export interface Exchange {
  method: string;
  url: URL;
  headers: OutgoingHttpHeaders;
  /** A stream is sent with the Content-Length of the headers. */
  body?: string | Buffer | Readable;
  /** Milliseconds without a byte in either direction after which the exchange fails. */
  idleMs: number;
  signal?: AbortSignal;
}

const http = new HttpAgent({ keepAlive: true });
const https = new HttpsAgent({ keepAlive: true });

/** The response with its body not read yet. Rejects with what the socket said, or with the signal's reason. */
export async function exchange(options: Exchange): Promise<IncomingMessage> {
  const { method, url, headers, body, idleMs, signal } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const send = secure ? httpsRequest : httpRequest;
    const request = send(url, { method, headers, agent: secure ? https : http });
    const abort = (): void => void request.destroy(signal?.reason as Error);
    const fail = (error: Error): void => {
      signal?.removeEventListener('abort', abort);
      reject(signal?.aborted ? (signal.reason as Error) : error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    request.setTimeout(idleMs, () => request.destroy(new Error(`no answer for ${idleMs / 1000} s`)));
    request.on('error', fail);
    request.on('response', (response) => {
      response.on('close', () => signal?.removeEventListener('abort', abort));
      resolve(response);
    });
    if (body instanceof Readable) {
      body.on('error', (error) => request.destroy(error));
      // Whoever answers before it has read all reads no more of it: the file behind it would stay open.
      request.on('close', () => body.destroy());
      body.pipe(request);
    } else request.end(body);
  });
}

/** The body as text; fails past `limit` bytes. */
export async function readText(response: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new Error(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
