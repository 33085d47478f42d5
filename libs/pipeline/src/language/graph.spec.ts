import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { expand } from './expand.js';
import { ancestorsOf, comesAfter, graphOf } from './graph.js';
import { resolveInputs } from './inputs.js';

describe('the graph', () => {
  it('knows an order and who stands before whom', () => {
    const graph = graphOf([
      { name: 'c', needs: ['b'] },
      { name: 'a', needs: [] },
      { name: 'b', needs: ['a', 'nobody'] },
    ]);
    expect(graph.order).toEqual([1, 2, 0]);
    expect(ancestorsOf(graph, 0)).toEqual([1, 2]);
    expect(comesAfter(graph, 0, 1)).toBe(true);
    expect(comesAfter(graph, 1, 0)).toBe(false);
    expect(graph.cycles).toEqual([]);
  });

  it('finds every cycle, and orders everything when there is none', () => {
    const links = fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 30 });
    fc.assert(
      fc.property(links, fc.boolean(), (pairs, acyclic) => {
        const needs = Array.from({ length: 12 }, (_, index) =>
          pairs.flatMap(([from, to]) => (from === index && (!acyclic || to < from) ? [`s${to}`] : [])),
        );
        const graph = graphOf(needs.map((list, index) => ({ name: `s${index}`, needs: list })));
        expect(graph.cycles.length === 0).toBe(graph.order.length === 12);
        if (acyclic) expect(graph.cycles).toEqual([]);
        for (const cycle of graph.cycles) {
          expect(cycle[0]).toBe(cycle.at(-1));
          cycle.slice(1).forEach((name, at) => expect(needs[Number(cycle[at]!.slice(1))]).toContain(name));
        }
        graph.order.forEach((index, at) => {
          for (const need of needs[index]!) expect(graph.order.slice(0, at)).toContain(Number(need.slice(1)));
        });
      }),
    );
  });
});

describe('instances', () => {
  it('are one for each combination, in the order of the file', () => {
    const steps = [
      { name: 'test', matrix: { node: ['20', '24'], os: ['a', 'b'] } },
      { name: 'build', matrix: {} },
    ] as unknown as Parameters<typeof expand>[0]['steps'];
    expect(expand({ steps }).map(({ id }) => id)).toEqual([
      'test[node=20,os=a]',
      'test[node=20,os=b]',
      'test[node=24,os=a]',
      'test[node=24,os=b]',
      'build',
    ]);
  });
});

describe('inputs', () => {
  const declared = {
    who: { type: 'string' as const, required: true },
    n: { type: 'number' as const, required: false, default: 3 },
    dry: { type: 'boolean' as const, required: false },
  };

  it('get their defaults', () => {
    expect(resolveInputs(declared, { who: 'me' })).toEqual({ inputs: { who: 'me', n: 3 } });
  });

  it('are all checked at once', () => {
    expect(resolveInputs(declared, { dry: 'yes', whom: 1 })).toEqual({
      errors: [
        'the pipeline has no input `whom`; did you mean `who`?',
        'the input `who` is required',
        'the input `dry` must be a boolean',
      ],
    });
    expect(resolveInputs(declared, { who: 'x'.repeat(4001), n: Infinity })).toMatchObject({
      errors: [expect.anything(), expect.anything()],
    });
    expect(resolveInputs({}, { constructor: 1 })).toMatchObject({
      errors: [expect.stringContaining('no input `constructor`')],
    });
  });
});
