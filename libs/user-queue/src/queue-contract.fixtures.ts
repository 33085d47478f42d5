/**
 * What every kind of queue keeps, whatever it is: one set of tests, against a real server of the kind. What a kind cannot
 * is said in `cannot`, and stands in the title of the test that is skipped.
 */
import { eventually, specSeed, seededRandom } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { openReader, openWriter, type ReaderOptions } from './open.js';
import type { QueueConfig } from './queue-config.js';
import type { QueueError, QueueReader, QueueWriter, ReceivedMessage } from './user-queue.js';

export interface QueueUnderTest {
  writer: QueueConfig;
  reader: QueueConfig;
  /** For both sides; `leaseMs` is that of readers which are heard of no more: as short as the kind lets it. */
  options?: Omit<ReaderOptions, 'credential'>;
  credentials: {
    writer?: string;
    /** May take and remove, and not send. */
    reader?: string;
    /** A reader's that may send as well. */
    tooMuch?: string;
    /** Of nobody; holds the word `wrong-secret`. */
    wrong?: string;
    /** Of somebody who may do nothing here. */
    stranger?: string;
  };
  /** The same, of a queue that is not there. */
  missing?: {
    writer: QueueConfig;
    reader: QueueConfig;
    /** Of a reader of that queue, unless the same. */ credential?: string;
  };
  /** What people see of the side queue: texts that hold the body and the reason of each message. */
  aside(): Promise<string[]>;
  /** What the server itself counts of the queue and its side queue: a trial of what may be done leaves it as it was. */
  state?(): Promise<unknown>;
  /** From now on the server is away. */
  breakConnection?(): Promise<void>;
  /** It is back, with all that it had. */
  mendConnection?(): Promise<void>;
  stop(): Promise<void>;
}

export type Ability =
  /** Characters above U+FFFF. */
  | 'every character'
  /** Tells apart who may do what. */
  | 'credentials'
  /** A reader's credential that may not send. */
  | 'send denied'
  /** Is sure that a reader may send; where not, it says `unknown`. */
  | 'send allowed'
  | 'missing queue'
  | 'server away'
  /** `backlog().messages` */
  | 'backlog'
  /** `deliveries` of a message. */
  | 'counts deliveries'
  | 'side queue';

/** Many times what a quiet machine takes; above the longest lease that a kind has (10 s). */
const PATIENCE_MS = 60_000;
/** Of readers that go on: above what they take to remove what they took, on a slow machine. */
const LEASE_MS = 10_000;
/** Above every time limit of a client; bounded is what matters. */
const AWAY_WITHIN_MS = 60_000;

export function describeQueue(
  name: string,
  start: () => Promise<QueueUnderTest>,
  cannot: Partial<Record<Ability, string>> = {},
): void {
  const can = (ability: Ability, title: string, test: () => Promise<void>) => {
    const reason = cannot[ability];
    if (reason) it.skip(`${title} (not here: ${reason})`, test);
    else it(title, test);
  };

  describe(`the queue contract: ${name}`, () => {
    let queue: QueueUnderTest;
    let writer: QueueWriter;
    let reader: QueueReader;
    const opened: { close(): Promise<void> }[] = [];
    const forever = new AbortController().signal;

    const write = async (credential = queue.credentials.writer, config = queue.writer) => {
      const side = await openWriter(config, { ...queue.options, credential });
      opened.push(side);
      return side;
    };
    const read = async (
      credential = queue.credentials.reader,
      config = queue.reader,
      leaseMs: number | undefined = LEASE_MS,
    ) => {
      const side = await openReader(config, { ...queue.options, leaseMs, credential });
      opened.push(side);
      return side;
    };
    /** Until there are so many, or the patience ends. */
    const take = async (from: QueueReader, count: number) => {
      const taken: ReceivedMessage[] = [];
      const until = performance.now() + PATIENCE_MS;
      while (taken.length < count && performance.now() < until) {
        taken.push(...(await from.receive({ max: count - taken.length, waitMs: 1_000, signal: forever })));
      }
      return taken;
    };
    const takeOne = async (from: QueueReader) => {
      const [message] = await take(from, 1);
      expect(message).toBeDefined();
      return message!;
    };
    const nothingLeft = async () => {
      expect(await reader.receive({ max: 10, waitMs: 300, signal: forever })).toEqual([]);
    };
    const refusal = async (work: Promise<unknown>): Promise<QueueError> => {
      const error = await work.then(
        () => undefined,
        (reason: QueueError) => reason,
      );
      expect(error).toMatchObject({ name: 'QueueError' });
      return error!;
    };

    beforeAll(async () => {
      queue = await start();
      writer = await openWriter(queue.writer, { ...queue.options, credential: queue.credentials.writer });
      reader = await openReader(queue.reader, {
        ...queue.options,
        leaseMs: LEASE_MS,
        credential: queue.credentials.reader,
      });
    });
    afterEach(async () => {
      for (const side of opened.splice(0)) await side.close();
    });
    afterAll(async () => {
      await reader?.close();
      await writer?.close();
      await queue?.stop();
    });

    it('gives what was sent, byte for byte', async () => {
      const random = seededRandom(specSeed());
      const large = Array.from({ length: 48 * 1024 }, () => 'abcdefghij'[Math.floor(random() * 10)]).join('');
      const horse = cannot['every character'] ? '' : '🐎';
      const bodies = ['plain', `žluťoučký kůň ${horse} "' \\n \u2028`, '{"a":[1,2]}\r\n', large];
      await writer.send(bodies);
      const taken = await take(reader, bodies.length);
      expect(taken.map(({ body }) => body).sort()).toEqual([...bodies].sort());
      for (const { deliveries, sent_at: sentAt } of taken) {
        expect(deliveries === null || deliveries === 1).toBe(true);
        if (sentAt !== null) expect(Math.abs(Date.now() - Date.parse(sentAt))).toBeLessThan(10 * 60_000);
      }
      await reader.remove(taken);
      await nothingLeft();
    });

    it('takes a hundred at once, and none', async () => {
      await writer.send([]);
      await reader.remove([]);
      await reader.release([]);
      const bodies = Array.from({ length: 100 }, (_, index) => `message ${index}`);
      await writer.send(bodies);
      const taken = await take(reader, 100);
      expect(new Set(taken.map(({ body }) => body))).toEqual(new Set(bodies));
      await reader.remove(taken);
      await nothingLeft();
    });

    it('gives again what a reader took and did not remove', async () => {
      await writer.send(['held by one who died']);
      const leaseMs = queue.options?.leaseMs;
      const first = await takeOne(await read(undefined, undefined, leaseMs));
      // That reader is heard of no more, until it is closed after the test.
      const next = await read(undefined, undefined, leaseMs);
      const again = await takeOne(next);
      expect(again.body).toBe(first.body);
      if (!cannot['counts deliveries']) expect(again.deliveries).toBeGreaterThan(1);
      await next.remove([again]);
      await nothingLeft();
    });

    it('gives again at once what was released', async () => {
      await writer.send(['not now']);
      const first = await takeOne(reader);
      await reader.release([first]);
      const again = await takeOne(reader);
      expect(again.body).toBe('not now');
      await reader.remove([again]);
      await nothingLeft();
    });

    it('removes what was removed already without a word', async () => {
      await writer.send(['twice']);
      const message = await takeOne(reader);
      await reader.remove([message]);
      await reader.remove([message]);
      await nothingLeft();
    });

    can('side queue', 'puts aside, with the reason, for people to read', async () => {
      await writer.send(['poison ☠']);
      const message = await takeOne(reader);
      await reader.putAside(message, 'it is no delivery');
      await eventually(async () => {
        const texts = await queue.aside();
        expect(
          texts.filter((text) => text.includes('poison ☠') && text.includes('it is no delivery')),
        ).toHaveLength(1);
      });
      await nothingLeft();
    });

    it('waits for what comes, and ends on its signal or after its time', async () => {
      expect(await reader.receive({ max: 1, waitMs: 50, signal: forever })).toEqual([]);
      expect(await reader.receive({ max: 1, waitMs: 0, signal: forever })).toEqual([]);
      const gone = new AbortController();
      const waiting = reader.receive({ max: 1, waitMs: 10 * 60_000, signal: gone.signal });
      gone.abort();
      expect(await waiting).toEqual([]);
      expect(await reader.receive({ max: 1, waitMs: 10 * 60_000, signal: gone.signal })).toEqual([]);
      const [messages] = await Promise.all([
        reader.receive({ max: 5, waitMs: PATIENCE_MS, signal: forever }),
        writer.send(['what was waited for']),
      ]);
      expect(messages.map(({ body }) => body)).toEqual(['what was waited for']);
      await reader.remove(messages);
    });

    can('backlog', 'tells how much waits', async () => {
      await eventually(async () => expect((await reader.backlog()).messages).toBe(0));
      await writer.send(['one', 'two', 'three']);
      await eventually(async () => expect((await reader.backlog()).messages).toBe(3));
      const { oldest_seconds: oldest } = await reader.backlog();
      if (oldest !== null) expect(oldest).toBeGreaterThanOrEqual(0);
      await reader.remove(await take(reader, 3));
      await eventually(async () => expect((await reader.backlog()).messages).toBe(0));
    });

    it('gives each message to one of two readers', async () => {
      const other = await read();
      const bodies = Array.from({ length: 20 }, (_, index) => `shared ${index}`);
      await writer.send(bodies);
      const taken: string[] = [];
      const drain = async (from: QueueReader) => {
        while (taken.length < bodies.length) {
          const messages = await from.receive({ max: 3, waitMs: 200, signal: forever });
          taken.push(...messages.map(({ body }) => body));
          await from.remove(messages);
        }
      };
      await Promise.all([drain(reader), drain(other)]);
      expect(taken.sort()).toEqual(bodies.sort());
    });

    it('lets a writer and a reader in that may do what they do, and leaves no trace of the trial', async () => {
      const before = await queue.state?.();
      await writer.verifyAccess();
      const access = await reader.verifyAccess();
      expect(await queue.state?.()).toEqual(before);
      expect(access).toMatchObject({ receive: 'allowed', remove: 'allowed' });
      if (cannot['send denied']) expect(access.send).toBe('unknown');
      else expect(access).toMatchObject({ send: 'denied', remedies: [] });
      await nothingLeft();
      if (!cannot['side queue']) {
        for (const text of await queue.aside()) expect(text).toContain('poison');
      }
    });

    it('leaves what waits where it is, whatever it tries', async () => {
      await writer.send(['waits', 'waits as well']);
      await eventually(async () => {
        const { messages } = await reader.backlog();
        if (messages !== null) expect(messages).toBe(2);
      });
      await writer.verifyAccess();
      await reader.verifyAccess();
      const taken = await take(reader, 2);
      expect(taken).toHaveLength(2);
      for (const { deliveries } of taken) expect(deliveries === null || deliveries === 1).toBe(true);
      await reader.remove(taken);
      await nothingLeft();
    });

    can(
      'send denied',
      'finds a reader that may send, says what to take away, and sends nothing',
      async () => {
        const before = await queue.state?.();
        const access = await (await read(queue.credentials.tooMuch)).verifyAccess();
        expect(await queue.state?.()).toEqual(before);
        const send = cannot['send allowed'] ? 'unknown' : 'allowed';
        expect(access).toMatchObject({ receive: 'allowed', remove: 'allowed', send });
        expect(access.remedies).toHaveLength(1);
        await nothingLeft();
      },
    );

    can('credentials', 'refuses a wrong credential and does not repeat it', async () => {
      const secret = queue.credentials.wrong!;
      const reading = await read(secret);
      const writing = await write(secret);
      for (const error of [
        await refusal(reading.receive({ max: 1, waitMs: 0, signal: forever })),
        await refusal(reading.verifyAccess()),
        await refusal(writing.send(['never'])),
        await refusal(writing.verifyAccess()),
      ]) {
        expect(error.code).toBe('queue_denied');
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('wrong-secret');
      }
    });

    can('credentials', 'tells somebody who may do nothing here what to have granted', async () => {
      const { stranger } = queue.credentials;
      if (stranger === undefined) return;
      const access = await (await read(stranger)).verifyAccess();
      expect(access).toMatchObject({ receive: 'denied' });
      expect(access.remedies.length).toBeGreaterThan(0);
      const error = await refusal((await write(stranger)).verifyAccess());
      expect(error.code).toBe('queue_denied');
      expect(error.message.length).toBeGreaterThan(40);
    });

    can('missing queue', 'says of a queue that is not there how to make it', async () => {
      const { writer: nowhere, reader: nothing, credential } = queue.missing!;
      const reading = await read(credential, nothing);
      for (const error of [
        await refusal(reading.receive({ max: 1, waitMs: 0, signal: forever })),
        await refusal((await write(undefined, nowhere)).send(['lost'])),
        await refusal((await write(undefined, nowhere)).verifyAccess()),
      ]) {
        expect(error.code).toBe('queue_missing');
        expect(error.message).toMatch(/make it|create/i);
      }
    });

    can(
      'server away',
      'says within bounds that the server is away, and goes on once it is back',
      async () => {
        await writer.send(['before']);
        await queue.breakConnection!();
        const begun = performance.now();
        const errors = await Promise.all([
          refusal(writer.send(['lost'])),
          refusal(reader.receive({ max: 1, waitMs: 500, signal: forever })),
        ]);
        for (const { code } of errors) expect(code).toBe('queue_unavailable');
        expect(performance.now() - begun).toBeLessThan(AWAY_WITHIN_MS);
        await queue.mendConnection!();
        await eventually(() => writer.send(['after']));
        const seen = new Set<string>();
        await eventually(async () => {
          const messages = await reader.receive({ max: 10, waitMs: 200, signal: forever });
          await reader.remove(messages);
          for (const { body } of messages) seen.add(body);
          expect([...seen]).toEqual(expect.arrayContaining(['before', 'after']));
        });
      },
    );
  });
}
