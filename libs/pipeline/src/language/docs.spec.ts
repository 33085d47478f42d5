import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readPipeline } from './read-pipeline.js';

describe('the user reference', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../../docs/pipelines.md'), 'utf8');
  const examples = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, yaml]) => yaml!);

  it('shows pipelines that are right', () => {
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(readPipeline(example)).toHaveProperty('definition');
  });
});
