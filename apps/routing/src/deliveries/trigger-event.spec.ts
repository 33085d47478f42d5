import type { Delivery } from '@hybrid/contracts';
import { describe, expect, it } from '@jest/globals';
import { delivery } from '../routing.fixtures.js';
import { triggerEvent } from './trigger-event.js';

const { metadata } = delivery();
const of = (more: Partial<Delivery>) => triggerEvent(delivery(more));

describe('what triggers see of a delivery', () => {
  it('is nothing where it is about no repository, or of another kind', () => {
    expect(of({ kind: 'other' })).toBeNull();
    expect(of({ metadata: { branch: 'main' } })).toBeNull();
  });

  it('has the paths only where all of them are known', () => {
    expect(of({})?.paths).toEqual(['src/app.ts']);
    expect(of({ metadata: { ...metadata, paths_complete: false } })?.paths).toBeNull();
    const { paths: _, ...without } = metadata;
    expect(of({ metadata: without })?.paths).toBeNull();
  });

  it('takes a pull request that does not say so for one of a fork', () => {
    const request = { kind: 'pull_request', metadata: { ...metadata, pull_request: 7 } } as const;
    expect(of(request)).toMatchObject({ fork: true, pull_request: 7 });
    expect(of({ ...request, metadata: { ...request.metadata, fork: false } })?.fork).toBe(false);
    expect(of({})?.fork).toBe(false);
  });
});
