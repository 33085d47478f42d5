import type { Readable } from 'node:stream';
import type { BodyRoom } from './body-room.js';
import { HttpProblem, noRoom } from './http-problem.js';

export interface Body {
  bytes: Buffer;
  /** Gives its room back. */
  done(): void;
}

/** Reads at most `limit` bytes; throws HttpProblem for more, or where there is no room for them now. */
export async function readBody(
  stream: Readable,
  address: string,
  room: BodyRoom,
  limit: number,
): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  const done = (): void => {
    room.give(address, size);
    size = 0;
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (size + chunk.length > limit)
        throw new HttpProblem(413, 'too_large', `a webhook has at most ${limit} bytes`);
      if (!room.take(address, chunk.length)) throw noRoom('too many large webhooks at once');
      size += chunk.length;
      chunks.push(chunk);
    }
    return { bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), done };
  } catch (error) {
    done();
    throw error;
  }
}
