import { describe, expect, it } from '@jest/globals';
import { graphDot, graphMermaid, graphText } from './graph-drawing.js';
import { readPipeline } from './read-pipeline.js';

function definitionOf(text: string) {
  const result = readPipeline(text);
  if ('errors' in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.definition;
}

const web = definitionOf(`
name: web
steps:
  - { name: test, type: step.shell_exec, matrix: { node: [20, 24] }, config: { commands: [npm test] } }
  - { name: sast, type: step.scan_sast, config: {} }
  - { name: image, type: step.docker_build, needs: [test, sast], config: { tags: web } }
  - { name: docs, type: step.shell_exec, needs: test, continue_on_error: true, config: { commands: [make] } }
  - { name: approve, type: step.gate, needs: image, config: { type: manual } }
  - { name: ship, type: step.shell_exec, needs: [approve, docs], if: 'branch == "main"', config: { commands: [ship] } }
`);

describe('a picture of a pipeline', () => {
  it('is a tree in a terminal', () => {
    expect(graphText(web)).toBe(
      [
        'web',
        '├─ test ×2        shell_exec',
        '│  ├─ image       docker_build  also needs sast',
        '│  │  └─ approve  gate          1 must approve',
        '│  │     └─ ship  shell_exec    also needs docs; if branch == "main"',
        '│  └─ docs        shell_exec    may fail',
        '└─ sast           scan_sast',
        '',
      ].join('\n'),
    );
  });

  it('shows what became of the steps', () => {
    expect(graphText(web, (name) => (name === 'docs' ? 'failed' : undefined))).toContain(
      'docs        shell_exec    failed  may fail',
    );
  });

  it('is a flowchart in Mermaid', () => {
    expect(graphMermaid(web, (name) => (name === 'sast' ? 'succeeded' : undefined))).toBe(
      [
        'flowchart LR',
        '  s0["test ×2<br/>shell_exec"]',
        '  s1["sast<br/>scan_sast<br/>succeeded"]',
        '  s2["image<br/>docker_build"]',
        '  s3["docs<br/>shell_exec"]',
        '  s4{{"approve<br/>gate"}}',
        '  s5["ship<br/>shell_exec"]',
        '  s0 --> s2',
        '  s1 --> s2',
        '  s0 --> s3',
        '  s2 --> s4',
        '  s4 --> s5',
        '  s3 --> s5',
        '',
      ].join('\n'),
    );
  });

  it('is a graph for Graphviz', () => {
    expect(graphDot(web)).toContain('  s0 [label="test ×2\\nshell_exec"];');
    expect(graphDot(web)).toContain('  s4 [label="approve\\ngate", shape=diamond, style=""];\n');
    expect(graphDot(web)).toContain('  s0 -> s2;\n  s1 -> s2;\n');
  });

  it('of a chain of 500 steps takes no recursion', () => {
    const steps = Array.from(
      { length: 500 },
      (_, index) =>
        `  - { name: s${index}, ${index > 0 ? `needs: s${index - 1},` : ''} type: step.shell_exec, config: { commands: [x] } }`,
    );
    const chain = definitionOf(`name: p\nsteps:\n${steps.join('\n')}`);
    expect(graphText(chain).split('\n')).toHaveLength(502);
  });
});
