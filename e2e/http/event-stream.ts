/** One open stream of server-sent events. */
export interface ServerEvent<T = Record<string, unknown>> {
  id: string | null;
  event: string;
  data: T;
}

export interface EventStream<T> extends AsyncIterable<ServerEvent<T>> {
  /** Hangs up. */
  close(): void;
}

/** Opens the stream; resolves when the server says that it is connected. */
export async function openEvents<T = Record<string, unknown>>(
  url: string,
  token: string,
  lastEventId?: string | null,
): Promise<EventStream<T>> {
  const hangUp = new AbortController();
  const response = await fetch(url, {
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      ...(lastEventId && { 'last-event-id': lastEventId }),
    },
    signal: hangUp.signal,
  });
  if (response.status !== 200 || !response.headers.get('content-type')?.startsWith('text/event-stream'))
    throw new Error(`${url}: ${response.status} ${await response.text()}`);
  const blocks = blocksOf(response);
  const first = await blocks.next();
  if (first.value !== ': connected') throw new Error(`the stream starts with ${String(first.value)}`);
  return {
    close: () => hangUp.abort(),
    async *[Symbol.asyncIterator]() {
      for await (const block of blocks) if (!block.startsWith(':')) yield parse<T>(block);
    },
  };
}

/** Reads until `enough` says so; fails, with what came, when that takes too long. */
export async function readUntil<T>(
  stream: EventStream<T>,
  enough: (events: ServerEvent<T>[]) => boolean,
  timeoutMs = 60_000,
): Promise<ServerEvent<T>[]> {
  const events: ServerEvent<T>[] = [];
  const timer = setTimeout(() => stream.close(), timeoutMs);
  try {
    for await (const event of stream) {
      events.push(event);
      if (enough(events)) return events;
    }
  } catch (cause) {
    throw new Error(`not enough events came: ${JSON.stringify(events)}`, { cause });
  } finally {
    clearTimeout(timer);
    stream.close();
  }
  throw new Error(`the stream ended early, after ${JSON.stringify(events)}`);
}

async function* blocksOf(response: Response): AsyncGenerator<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    yield* blocks;
  }
}

function parse<T>(block: string): ServerEvent<T> {
  const fields = new Map(
    block.split('\n').map((row) => [row.slice(0, row.indexOf(': ')), row.slice(row.indexOf(': ') + 2)]),
  );
  return {
    id: fields.get('id') ?? null,
    event: fields.get('event') ?? 'message',
    data: JSON.parse(fields.get('data') ?? 'null') as T,
  };
}
