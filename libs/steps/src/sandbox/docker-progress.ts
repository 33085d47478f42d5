/** What the engine tells while it pulls, builds or pushes: JSON, a line each. A failure stands in it too. */
import { StringDecoder } from 'node:string_decoder';

export interface EngineEvent {
  /** Output of a build: any piece of text. */
  stream?: string;
  status?: string;
  id?: string;
  progressDetail?: { current?: number };
  aux?: { ID?: string; Tag?: string; Digest?: string };
}

/** The engine carried it out up to here, and failed. */
export class EngineFailure extends Error {
  constructor(
    message: string,
    /** Of a command of a build. */
    readonly exitCode?: number,
  ) {
    super(message);
    this.name = 'EngineFailure';
  }
}

/** Reads no further than `take` takes. Throws EngineFailure for what the engine reports as one. */
export async function followEngine(
  stream: NodeJS.ReadableStream,
  take: (event: EngineEvent) => Promise<void>,
): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const read = async (line: string): Promise<void> => {
    if (line.trim() === '') return;
    const event = JSON.parse(line) as EngineEvent & {
      error?: string;
      errorDetail?: { code?: number; message?: string };
    };
    if (event.error !== undefined || event.errorDetail !== undefined)
      throw new EngineFailure(event.error ?? event.errorDetail?.message ?? 'failed', event.errorDetail?.code);
    await take(event);
  };
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) await read(line);
  }
  await read(rest);
}

/** For people; nothing for the steps of a progress bar. */
export function statusLine({ status, id, progressDetail }: EngineEvent): string | undefined {
  if (status === undefined || progressDetail?.current !== undefined || /^(Preparing|Waiting)$/.test(status))
    return undefined;
  return id === undefined ? status : `${id}: ${status}`;
}
