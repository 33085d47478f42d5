import { identityRequests } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADDRESS, IdentityBench } from '../identity.fixtures.js';

const { createOrganisation, organisation, listOrganisations } = identityRequests;

describe('organisations, over NATS, with two replicas', () => {
  let bench: IdentityBench;
  beforeAll(async () => {
    bench = await IdentityBench.start();
  });
  afterAll(() => bench?.stop());

  const standard = { organisation: 'default', name: 'default', created_at: null };
  const create = (id: string, name?: string) =>
    bench.send(createOrganisation, { organisation: id, name }, bench.call('default'));
  const get = (id: string) => bench.send(organisation, { organisation: id }, bench.call('default'));
  const list = (query = {}) => bench.send(listOrganisations, query, bench.call('default'));

  it('begin with the default one, which nobody created', async () => {
    expect(await get('default')).toEqual(standard);
    expect(await list()).toEqual({ items: [standard], total: 1, next_cursor: null });
    expect(await create('default')).toEqual(standard);
    expect(await bench.stream('organisation', 'default')).toEqual([]);
  });

  it('are created once, as an event of their own', async () => {
    const created = await create('acme', 'Acme Ltd');
    expect(created).toMatchObject({ organisation: 'acme', name: 'Acme Ltd' });
    expect(await create('acme', 'Acme Ltd')).toEqual(created);
    expect(await get('acme')).toEqual(created);
    await expect(create('acme')).rejects.toMatchObject({
      problem: { kind: 'conflict', code: 'organisation_exists' },
    });
    const [event, ...more] = await bench.stream('organisation', 'acme');
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      type: 'OrganisationCreated',
      data: { organisation: 'acme', name: 'Acme Ltd', at: created.created_at },
      metadata: { org: 'acme', actor: { type: 'user', id: 'root' }, address: ADDRESS },
    });
    await eventually(() =>
      expect(bench.published).toContainEqual(
        expect.objectContaining({
          type: 'OrganisationCreated',
          org: 'acme',
          data: { organisation: 'acme', name: 'Acme Ltd' },
        }),
      ),
    );
  });

  it('are given to one of those who want the same id at the same moment', async () => {
    const names = Array.from({ length: 8 }, (_, n) => `Company ${n}`);
    const answers = await Promise.allSettled(names.map((name) => create('wanted', name)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await bench.stream('organisation', 'wanted')).toHaveLength(1);
  });

  it('that nobody created are not there', async () => {
    await expect(get('nobodys')).rejects.toMatchObject({
      problem: { kind: 'not_found', code: 'organisation_not_found' },
    });
  });

  it('are all listed, page by page, the newest first', async () => {
    await create('newest');
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await bench.send(listOrganisations, { limit: 2, cursor }, bench.fresh());
      expect(page.total).toBe(4);
      seen.push(...page.items.map((item) => item.organisation));
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
    expect(seen).toEqual(['newest', 'wanted', 'acme', 'default']);
  });
});
