/** Links: `$>` events whose data is `<revision>@<stream>`, shown with their target where a reader asks for that. */
import { randomUUID } from 'node:crypto';
import {
  BACKWARDS,
  binaryEvent,
  END,
  jsonEvent,
  streamNameFilter,
  type EventStoreDBClient,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target?.stop());

const event = (n: number) => jsonEvent({ type: 'Tried', data: { n } });
const link = (data: string) => binaryEvent({ type: '$>', data: Buffer.from(data) });

async function read(stream: AsyncIterable<ResolvedEvent>): Promise<ResolvedEvent[]> {
  const all: ResolvedEvent[] = [];
  for await (const resolved of stream) all.push(resolved);
  return all;
}

/** `<revision>@<stream>` of event and link, `-` for one that is not there. */
const shown = ({ event, link }: ResolvedEvent) =>
  [event, link].map((part) => (part ? `${part.revision}@${part.streamId}` : '-')).join(' ');

async function linked() {
  const [source, links] = [target.name('source'), target.name('links')];
  const { position } = await client.appendToStream(source, [event(0), event(1), event(2)]);
  await client.appendToStream(links, [link(`2@${source}`), link(`0@${source}`), event(9)]);
  return { source, links, position: position! };
}

describe('a stream of links', () => {
  it('shows the targets beside the links, forwards and backwards', async () => {
    const { source, links } = await linked();
    const expected = [`2@${source} 0@${links}`, `0@${source} 1@${links}`, `2@${links} -`];
    const forwards = await read(client.readStream(links, { resolveLinkTos: true }));
    expect(forwards.map(shown)).toEqual(expected);
    expect(forwards[0]!.event!.data).toEqual({ n: 2 });
    expect(forwards[0]!.link!.type).toBe('$>');

    const backwards = { direction: BACKWARDS, fromRevision: END, resolveLinkTos: true } as const;
    expect((await read(client.readStream(links, backwards))).map(shown)).toEqual(expected.reverse());
    const one = { fromRevision: 1n, maxCount: 1, resolveLinkTos: true };
    expect((await read(client.readStream(links, one))).map(shown)).toEqual([`0@${source} 1@${links}`]);
  });

  it('shows the links alone unless asked', async () => {
    const { source, links } = await linked();
    const all = await read(client.readStream(links));
    expect(all.map(shown)).toEqual([`0@${links} -`, `1@${links} -`, `2@${links} -`]);
    expect(Buffer.from(all[0]!.event!.data as Uint8Array).toString()).toBe(`2@${source}`);
  });

  it('follows one link only', async () => {
    const { source, links } = await linked();
    const second = target.name('second');
    await client.appendToStream(second, link(`0@${links}`));
    const [resolved] = await read(client.readStream(second, { resolveLinkTos: true }));
    expect(shown(resolved!)).toBe(`0@${links} 0@${second}`);
    expect(Buffer.from(resolved!.event!.data as Uint8Array).toString()).toBe(`2@${source}`);
  });

  it('is subscribed to with its targets, live ones too', async () => {
    const { source, links } = await linked();
    const seen: string[] = [];
    const subscription = client.subscribeToStream(links, { resolveLinkTos: true });
    subscription.on('data', (resolved: ResolvedEvent) => seen.push(shown(resolved)));
    await eventually(() => expect(seen).toHaveLength(3));
    await client.appendToStream(links, link(`1@${source}`));
    await eventually(() => expect(seen[3]).toBe(`1@${source} 3@${links}`));
    await subscription.unsubscribe();
  });
});

describe('a link whose target cannot be shown', () => {
  it.each([
    ['never was', (name: string) => `0@${name}`],
    ['is beyond the end', (_name: string, source: string) => `3@${source}`],
  ] as const)('stands alone: it %s', async (_why, data) => {
    const { source } = await linked();
    const links = target.name('links');
    await client.appendToStream(links, link(data(target.name('nothing'), source)));
    const all = await read(client.readStream(links, { resolveLinkTos: true }));
    expect(all.map(shown)).toEqual([`- 0@${links}`]);
  });

  it.each([
    ['truncated', (source: string) => client.setStreamMetadata(source, { truncateBefore: 3 })],
    ['deleted', (source: string) => client.deleteStream(source)],
    ['tombstoned', (source: string) => client.tombstoneStream(source)],
  ] as const)('stands alone: its stream was %s', async (_how, end) => {
    const { source, links } = await linked();
    await end(source);
    const all = await read(client.readStream(links, { resolveLinkTos: true }));
    expect(all.map(shown)).toEqual([`- 0@${links}`, `- 1@${links}`, `2@${links} -`]);
  });

  it('stands alone: its data names none', async () => {
    const links = target.name('links');
    await client.appendToStream(links, [link('nonsense'), link('x@y'), link('')]);
    const all = await read(client.readStream(links, { resolveLinkTos: true }));
    expect(all.map(shown)).toEqual([0, 1, 2].map((revision) => `- ${revision}@${links}`));
  });
});

describe('$all', () => {
  it('shows events and, where their links are, the targets again', async () => {
    const { source, links, position } = await linked();
    const expected = [`2@${source} -`, `2@${source} 0@${links}`, `0@${source} 1@${links}`, `2@${links} -`];
    const isOurs = ({ event, link }: ResolvedEvent) =>
      [source, links].some((stream) => stream === (link ?? event)?.streamId);
    const all = await read(client.readAll({ fromPosition: position, resolveLinkTos: true }));
    const forwards = all.filter(isOurs);
    expect(forwards.map(shown)).toEqual(expected);
    // Where the reader is, is where the link is.
    expect(forwards[1]!.commitPosition).toBe(forwards[1]!.link!.position!.commit);
    expect(forwards[1]!.event!.position!.commit).toBe(forwards[0]!.event!.position!.commit);

    const backwards = await read(
      client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 100, resolveLinkTos: true }),
    );
    expect(backwards.filter(isOurs).slice(0, 4).map(shown)).toEqual(expected.toReversed());

    const seen: string[] = [];
    const filter = streamNameFilter({ prefixes: [source, links] });
    const subscription = client.subscribeToAll({ filter, resolveLinkTos: true });
    subscription.on('data', (resolved) => seen.push(shown(resolved)));
    await eventually(() => expect(seen).toEqual([`0@${source} -`, `1@${source} -`, ...expected]));
    await subscription.unsubscribe();
  });
});

it('gives a link an id and a place of its own', async () => {
  const { source, links } = await linked();
  const id = randomUUID();
  await client.appendToStream(links, binaryEvent({ id, type: '$>', data: Buffer.from(`1@${source}`) }));
  const [resolved] = await read(client.readStream(links, { fromRevision: 3n, resolveLinkTos: true }));
  expect(resolved!.link).toMatchObject({ id, revision: 3n });
  expect(resolved!.event!.id).not.toBe(id);
});
