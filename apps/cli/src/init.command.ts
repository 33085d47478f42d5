/** `hybrid init`: a first pipeline for a repository, by the files that its language is known by. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { gitAnswer } from './git-repository.js';
import type { Output } from './output.js';
import { PIPELINE_FILE } from './pipeline-definition.js';

export interface Kind {
  language: string;
  image: string;
  test: string[];
  build?: string[];
}

export async function init(out: Output, { repo }: { repo: string }): Promise<void> {
  const top = (await gitAnswer(repo, ['rev-parse', '--show-toplevel'])) ?? repo;
  const file = join(top, PIPELINE_FILE);
  const kind = await kindOf(top);
  try {
    if (!existsSync(join(top, '.hybrid'))) await mkdir(join(top, '.hybrid'));
    await writeFile(file, firstPipeline(nameOf(top), kind), { flag: 'wx' });
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new CommandError(
      there
        ? `${file} is there already; it is left as it is`
        : `${file} cannot be written: ${(cause as Error).message}`,
      EXIT.failed,
      { cause },
    );
  }
  if (out.format === 'json') return out.json({ file, language: kind.language });
  out.line(`${file} is written, for ${kind.language}. Next:`);
  out.line();
  out.line('  hybrid pipeline validate   # after every change: errors with their lines');
  out.line('  hybrid exec                # on this machine, with uncommitted changes');
  out.line('  hybrid run                 # what is committed, by the agents of the control plane');
}

/** The first that fits; a repository of several languages has its own idea of a pipeline anyway. */
async function kindOf(top: string): Promise<Kind> {
  const has = (name: string) => existsSync(join(top, name));
  if (has('package.json')) return nodeKind(top, has);
  if (has('go.mod'))
    return {
      language: 'Go',
      image: 'golang:1',
      test: ['go vet ./...', 'go test ./...'],
      build: ['go build ./...'],
    };
  if (has('pom.xml'))
    return { language: 'Java', image: 'maven:3-eclipse-temurin-21', test: ['mvn --batch-mode verify'] };
  if (has('build.gradle') || has('build.gradle.kts')) {
    const gradle = has('gradlew') ? './gradlew' : 'gradle';
    return {
      language: 'Java',
      image: 'gradle:8-jdk21',
      test: [`${gradle} --no-daemon check`],
      build: [`${gradle} --no-daemon assemble`],
    };
  }
  if (has('pyproject.toml') || has('setup.py') || has('requirements.txt')) {
    const install = has('requirements.txt') ? 'pip install -r requirements.txt' : 'pip install .';
    return {
      language: 'Python',
      image: 'python:3.12-slim',
      test: ['python -m venv .venv', '. .venv/bin/activate', install, 'pip install pytest', 'pytest'],
    };
  }
  return { language: 'the shell', image: 'debian:stable-slim', test: ['echo "put your tests here"'] };
}

async function nodeKind(top: string, has: (name: string) => boolean): Promise<Kind> {
  const text = await readFile(join(top, 'package.json'), 'utf8').catch(() => '');
  const scripts = scriptsOf(text);
  const install = has('package-lock.json') ? 'npm ci' : 'npm install';
  const run = (script: string) => [install, `npm run ${script}`];
  return {
    language: 'Node.js',
    image: 'node:20-slim',
    test: scripts.includes('test') ? [install, 'npm test'] : [install],
    ...(scripts.includes('build') && { build: run('build') }),
  };
}

function scriptsOf(text: string): string[] {
  try {
    return Object.keys((JSON.parse(text) as { scripts?: Record<string, string> }).scripts ?? {});
  } catch {
    return [];
  }
}

/** What the language takes as a name. */
function nameOf(top: string): string {
  const name = (top.split('/').at(-1) ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 63);
  return name || 'pipeline';
}

function firstPipeline(name: string, { image, test, build }: Kind): string {
  const step = (title: string, commands: string[], more: string[] = []) => [
    `  - name: ${title}`,
    '    type: step.shell_exec',
    ...more,
    '    config:',
    `      image: ${image}`,
    '      commands:',
    ...commands.map((command) => `        - ${JSON.stringify(command)}`),
  ];
  return [
    '# The language: docs/pipelines.md of hybrid.',
    `name: ${name}`,
    'steps:',
    ...step('test', test),
    ...(build ? ['', ...step('build', build, ['    needs: [test]'])] : []),
    '',
  ].join('\n');
}
