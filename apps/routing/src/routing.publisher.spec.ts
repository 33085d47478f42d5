import type { StoredEvent } from '@hybrid/event-store';
import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { routingPublisher } from './routing.publisher.js';

const golden = (noun: string) => {
  const folder = join(import.meta.dirname, noun, 'golden');
  return readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as object);
};
const told = (event: object) =>
  routingPublisher.publish({ event, thingId: 'id' } as StoredEvent as Parameters<
    typeof routingPublisher.publish
  >[0]);

describe('what others are told', () => {
  it.each(['relays', 'connections', 'deliveries'])(
    'of each event of %s holds no key, rule or metadata',
    (noun) => {
      for (const event of golden(noun)) {
        const published = told(event);
        expect(published?.event).toMatch(/^[a-z-]+$/);
        expect(JSON.stringify(published)).not.toMatch(
          /octocat|acme|11qYAY|0123456789abcdef|queue\.example\.com/,
        );
      }
    },
  );
});
