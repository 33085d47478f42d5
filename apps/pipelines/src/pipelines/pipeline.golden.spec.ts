import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { pipelineDecider, type PipelineEvent } from './pipeline.decider.js';

/** One file for each stored event type, as it was first written. They are never changed: today's code must read them. */
const folder = join(import.meta.dirname, 'golden');

function golden<T extends PipelineEvent['type']>(type: T): Extract<PipelineEvent, { type: T }> {
  return JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as Extract<
    PipelineEvent,
    { type: T }
  >;
}

/** The compiler keeps this complete. */
const TYPES: Record<PipelineEvent['type'], true> = {
  PipelineDefined: true,
  PipelineDeleted: true,
};

describe('stored events', () => {
  it('each have their file', () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(TYPES)
        .map((type) => `${type}.json`)
        .sort(),
    );
  });

  it('say what a pipeline is, and that it is gone', () => {
    const defined = golden('PipelineDefined');
    const state = { current: defined.data, created_at: defined.data.at, version: 1 };
    expect(fold(pipelineDecider, [defined])).toEqual(state);
    expect(fold(pipelineDecider, [defined, golden('PipelineDeleted')])).toEqual({ ...state, current: null });
  });
});
