import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { pipelineDecider } from './pipeline.decider.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), pipelineDecider, {
    version: 1,
    digest: 'ef107cc61de5739c',
  });

  it('say what a pipeline is, and that it is gone', () => {
    const defined = golden('PipelineDefined');
    const state = { current: defined.data, created_at: defined.data.at, version: 1 };
    expect(fold(pipelineDecider, [defined])).toEqual(state);
    expect(fold(pipelineDecider, [defined, golden('PipelineDeleted')])).toEqual({ ...state, current: null });
  });
});
