import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { pipelineSchema } from './definition.schema.js';
import { readPipeline } from './read-pipeline.js';
import { stepTypes } from './step-types.js';
import { namedFiles } from './uses/named-files.js';

const root = join(import.meta.dirname, '../../../..');

describe('the user reference', () => {
  const text = readFileSync(join(root, 'docs/pipelines.md'), 'utf8');
  /** ```yaml, or ```yaml files=path where the example before it is that file. */
  const examples = [...text.matchAll(/^```yaml(?: files=(\S+))?\n(.*?)^```/gms)].map(([, file, yaml]) => ({
    file,
    yaml: yaml!,
  }));

  it('shows pipelines that are right', () => {
    const pipelines = examples.filter(({ yaml }) => !yaml.startsWith('inputs:'));
    expect(pipelines.length).toBeGreaterThan(3);
    for (const { file, yaml } of pipelines) {
      const before = examples[examples.findIndex((example) => example.yaml === yaml) - 1];
      expect(readPipeline(yaml, file ? { [file]: before!.yaml } : {})).toHaveProperty('definition');
    }
  });

  it('names every key of the language', () => {
    const { on, defaults, steps } = pipelineSchema.properties as Record<string, Schema>;
    const keys = [pipelineSchema, on!, defaults!, steps!.items!, ...Object.values(stepTypes)].flatMap(
      (schema) => Object.keys((schema as Schema).properties ?? {}),
    );
    expect(keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(text))).toEqual([]);
  });
});

interface Schema {
  properties?: Record<string, unknown>;
  items?: Schema;
}

describe('the examples', () => {
  const files = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'));

  it.each(files)('%s is right', (name) => {
    const text = readFileSync(join(root, 'examples', name), 'utf8');
    const files = Object.fromEntries(
      namedFiles(text).map((path) => [path, readFileSync(join(root, path), 'utf8')]),
    );
    expect(readPipeline(text, files)).toHaveProperty('definition');
  });
});
