import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { readerPermissions, writerPermissions } from './nats/nats-access.js';
import { readerRules, writerRules } from './redis/redis-access.js';

const page = readFileSync(new URL('../../../docs/queues.md', import.meta.url), 'utf8');
/** As a shell reads it: one line for a command, without its quotes. */
const commands = page.replaceAll(/ \\\n\s*/g, ' ').replaceAll("'", '');

describe('the page about queues', () => {
  it('grants in Redis what the code needs, and the tests have', () => {
    const queue = {
      kind: 'redis',
      url: '',
      stream: 'hybrid:deliveries',
      group: 'control-plane',
      aside: 'hybrid:aside',
    } as const;
    expect(commands).toContain(`ACL SETUSER control-plane on >… ${readerRules(queue)}\n`);
    expect(commands).toContain(`ACL SETUSER relay on >… ${writerRules(queue)}\n`);
  });

  it('grants in NATS what the code needs, and the tests have', () => {
    const queue = {
      kind: 'nats',
      url: '',
      stream: 'DELIVERIES',
      subject: 'deliveries.in',
      consumer: 'control-plane',
      aside: 'aside.deliveries',
    } as const;
    const [relay, reader] = [writerPermissions(queue), readerPermissions(queue)];
    expect(commands).toContain(
      `nsc add user relay --allow-pub ${relay.publish.join()} --allow-sub ${relay.subscribe.join()}\n`,
    );
    expect(commands).toContain(
      `nsc add user control-plane --allow-sub ${reader.subscribe.join()} --allow-pub ${reader.publish.join()}\n`,
    );
    for (const { publish, subscribe } of [relay, reader])
      for (const subject of [...publish, ...subscribe]) expect(page).toContain(`"${subject}"`);
  });
});
