/** Reading $all through a filter. The client of these specs has no such option yet, the service does. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { read } from './raw-streams.js';
import { events } from './sample-events.js';
import { startTarget, type Target } from './target.js';

const { Options } = pb.ReadReq;
const { FilterOptions } = Options;

let target: Target;
let client: EventStoreDBClient;
let left: string;
let right: string;
let type: string;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
  left = target.name('left');
  right = target.name('right');
  type = target.name('Typed');
  for (let round = 0; round < 3; round++) {
    await client.appendToStream(left, events(2));
    await client.appendToStream(target.name('between'), events(50));
    await client.appendToStream(right, events(1, type));
  }
});
afterAll(() => target.stop());

const LEFT = () => [0, 1, 2, 3, 4, 5].map((revision) => `${left}@${revision}`);
const RIGHT = () => [0, 1, 2].map((revision) => `${right}@${revision}`);
const BOTH = () => [0, 1, 2].flatMap((n) => [`${left}@${2 * n}`, `${left}@${2 * n + 1}`, `${right}@${n}`]);

interface Filter {
  on: 'stream' | 'type';
  prefixes?: string[];
  regex?: string;
}

async function filtered(
  { on, prefixes = [], regex = '' }: Filter,
  { backwards = false, count = 1000 } = {},
): Promise<string[]> {
  const expression = new FilterOptions.Expression().setPrefixList(prefixes).setRegex(regex);
  const filter = new FilterOptions().setMax(32).setCheckpointintervalmultiplier(1);
  if (on === 'stream') filter.setStreamIdentifier(expression);
  else filter.setEventType(expression);
  const all = new Options.AllOptions();
  const options = new Options()
    .setAll(backwards ? all.setEnd(new shared.Empty()) : all.setStart(new shared.Empty()))
    .setReadDirection(backwards ? 1 : 0)
    .setCount(String(count))
    .setFilter(filter)
    .setUuidOption(new Options.UUIDOption().setString(new shared.Empty()));
  const seen: string[] = [];
  for await (const response of await read(client, new pb.ReadReq().setOptions(options))) {
    const event = (response as pb.ReadResp).getEvent()?.getEvent();
    if (!event) continue;
    const name = Buffer.from(event.getStreamIdentifier()!.getStreamName_asU8()).toString();
    seen.push(`${name}@${event.getStreamRevision()}`);
  }
  return seen;
}

describe('reading $all with a filter', () => {
  it.each([
    ['a stream prefix', () => ({ on: 'stream', prefixes: [left] }), LEFT],
    ['stream prefixes', () => ({ on: 'stream', prefixes: [right, left] }), BOTH],
    ['a stream pattern', () => ({ on: 'stream', regex: `^r[a-i]ght-${right.slice(6)}$` }), RIGHT],
    ['a pattern that is not anchored', () => ({ on: 'stream', regex: left.slice(3) }), LEFT],
    ['a type prefix', () => ({ on: 'type', prefixes: [type.slice(0, -2)] }), RIGHT],
    ['a type pattern', () => ({ on: 'type', regex: `^T.*${type.slice(8)}$` }), RIGHT],
    ['nothing that is there', () => ({ on: 'stream', prefixes: [`${left}-not`] }), () => []],
  ] as [string, () => Filter, () => string[]][])(
    'gives what it lets through, both ways: %s',
    async (_name, filter, expected) => {
      expect(await filtered(filter())).toEqual(expected());
      expect(await filtered(filter(), { backwards: true })).toEqual(expected().reverse());
    },
  );

  it('counts only what it lets through', async () => {
    const filter: Filter = { on: 'stream', prefixes: [right] };
    expect(await filtered(filter, { count: 2 })).toEqual(RIGHT().slice(0, 2));
    expect(await filtered(filter, { count: 2, backwards: true })).toEqual(RIGHT().reverse().slice(0, 2));
  });

  it('refuses a pattern that is none', async () => {
    await expect(filtered({ on: 'stream', regex: 'left[' })).rejects.toThrow();
  });
});
