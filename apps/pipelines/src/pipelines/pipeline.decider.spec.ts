import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { pipelineDecider, type PipelineCommand, type PipelineEvent } from './pipeline.decider.js';

const now = '2026-01-01T00:00:00.000Z';
const define = (definition: string, create = false): PipelineCommand => ({
  type: 'DefinePipeline',
  pipeline_id: 'web',
  definition,
  create,
  now,
});
const defined = (version: number, definition: string): PipelineEvent => ({
  type: 'PipelineDefined',
  data: { pipeline_id: 'web', version, definition, at: now },
});
const deleted: PipelineEvent = { type: 'PipelineDeleted', data: { at: now } };

describe('a pipeline', () => {
  it('begins with version 1 and gets a new one for each change', () => {
    given(pipelineDecider).when(define('a')).then(defined(1, 'a'));
    given(pipelineDecider, defined(1, 'a')).when(define('b')).then(defined(2, 'b'));
  });

  it('keeps its version while nothing changes', () => {
    given(pipelineDecider, defined(1, 'a')).when(define('a')).thenNothing();
    given(pipelineDecider, defined(1, 'a')).when(define('a', true)).thenNothing();
  });

  it('has a new version when one of its files changes', () => {
    const files = { './a.yaml': 'steps: []' };
    const withFiles = { ...define('a'), files } as PipelineCommand;
    const both: PipelineEvent = {
      type: 'PipelineDefined',
      data: { pipeline_id: 'web', version: 2, definition: 'a', files, at: now },
    };
    given(pipelineDecider, defined(1, 'a')).when(withFiles).then(both);
    given(pipelineDecider, defined(1, 'a'), both).when(withFiles).thenNothing();
    given(pipelineDecider, defined(1, 'a'), both).when(define('a')).then(defined(3, 'a'));
  });

  it('has a new version when it belongs to another repository, and keeps what it is not told anew', () => {
    const there = {
      repository: 'acme/web',
      clone_url: 'https://git.example/acme/web.git',
      signature: 'a.b.c',
    };
    const put = (more: object, definition = 'a') => ({ ...define(definition), ...more });
    const version = (number: number, more: object, definition = 'a'): PipelineEvent => ({
      type: 'PipelineDefined',
      data: { pipeline_id: 'web', version: number, definition, ...more, at: now },
    });
    const first = version(1, there);
    given(pipelineDecider).when(put(there)).then(first);
    given(pipelineDecider, first).when(put(there)).thenNothing();
    given(pipelineDecider, first).when(define('a')).thenNothing();
    const moved = { ...there, repository: 'acme/site' };
    given(pipelineDecider, first)
      .when(put({ repository: 'acme/site' }))
      .then(version(2, moved));
    // The signature was of another text.
    const { signature: _, ...unsigned } = there;
    given(pipelineDecider, first)
      .when(define('b'))
      .then(version(2, unsigned, 'b'));
    given(pipelineDecider, first, { type: 'PipelineDeleted', data: { at: now } })
      .when(define('a'))
      .then(version(2, {}));
  });

  it('is refused with files that are more than an event holds', () => {
    const files = { './a.yaml': 'x'.repeat(900_000) };
    given(pipelineDecider)
      .when({ ...define('a'), files } as PipelineCommand)
      .thenRejected('pipeline_too_large');
  });

  it('is not replaced by whoever wanted to create it', () => {
    given(pipelineDecider, defined(1, 'a')).when(define('b', true)).thenRejected('pipeline_exists');
  });

  it('never gives a version twice, deleted or not', () => {
    given(pipelineDecider, defined(1, 'a'), deleted).when(define('a')).then(defined(2, 'a'));
  });

  it('is deleted once', () => {
    given(pipelineDecider, defined(1, 'a')).when({ type: 'DeletePipeline', now }).then(deleted);
    given(pipelineDecider, defined(1, 'a'), deleted)
      .when({ type: 'DeletePipeline', now })
      .thenRejected('pipeline_not_found');
  });
});
