/** The step types and the JSON Schema of each one's `config`: what the module schemas serve and the pipeline schema refers to. */
import type { StepDefinition } from './definition.js';
import {
  duration,
  text,
  timeout,
  whole,
  words,
  record,
  someTexts,
  texts,
  workDir,
  env,
  flag,
  artifactKey,
  artifactsIn,
  artifactsOut,
  command,
  retentionDays,
  sandbox,
  type JsonSchema,
} from './schema/parts.js';
import { SEVERITY_WORDS } from './severity.js';

export type { JsonSchema } from './schema/parts.js';

/** `step.plugin` is written `uses: docker://image`. */
export type StepType = Exclude<StepDefinition['type'], 'step.plugin'>;

const conditions = (description: string): JsonSchema =>
  someTexts(description, { max: 50, length: 2000, examples: [["branch == 'main'", 'scan.passed']] });

const scan = (
  description: string,
  scanner: string,
  examples: unknown[],
  target: JsonSchema = {},
): JsonSchema =>
  record(
    [],
    {
      scanner: text(`${scanner} unless told; any program that writes SARIF, with \`command\``, 100),
      image: text('container image of the scanner'),
      ...target,
      source_path: text('what is scanned, in the workspace; all of it unless told'),
      rules: texts('rules or rule sets of the scanner', { examples: [['p/owasp-top-ten']] }),
      command: command('instead of the adapter’s; SARIF on stdout, or in the file that HYBRID_SARIF names'),
      fail_on_severity: words('a finding as severe as this fails the step; high unless told', SEVERITY_WORDS),
      severity_threshold: words('the same as `fail_on_severity`', SEVERITY_WORDS),
      ignore_unfixed: flag('leave out what has no fix yet'),
      output_format: words('how the scanner’s report is read', ['sarif']),
      artifact_key: artifactKey,
      artifacts_out: {
        type: ['object', 'array', 'string'],
        minLength: 1,
        maxLength: 200,
        minItems: 1,
        maxItems: 1,
        items: record(['key'], { key: artifactKey }),
        additionalProperties: false,
        required: ['key'],
        properties: { key: artifactKey },
        description: 'the whole report is stored under this key; the same as `artifact_key`',
      },
      timeout,
    },
    { description, examples, 'x-instead': { format: 'write `output_format: sarif`' } },
  );

const CHANGE_FOLDER = 'begin `commands` with `cd folder`';

export const stepTypes: Record<StepType, JsonSchema> = {
  'step.shell_exec': record(
    ['commands'],
    {
      image: text('container image; left out: what the agent offers'),
      commands: someTexts('run one after the other; the first that fails ends the step', {
        max: 500,
        length: 32_000,
        examples: [['npm ci', 'npm test']],
      }),
      shell: words('`sh` unless told', ['sh', 'bash']),
      work_dir: workDir,
      timeout,
      env,
      ...sandbox,
      artifacts_out: artifactsOut,
      artifacts_in: artifactsIn,
    },
    {
      description: 'commands in a sandbox',
      examples: [{ image: 'node:20-alpine', commands: ['npm ci', 'npm test'] }],
      'x-instead': {
        script: 'write `commands`',
        run: 'write `commands`',
        command: 'write `commands`',
        volumes: 'write `mounts`',
        working_directory: CHANGE_FOLDER,
        'working-directory': CHANGE_FOLDER,
        privileged:
          'containers never are privileged; `docker_socket` and `mounts` give what the agent allows',
        artifacts: 'write `artifacts_out`, and `artifacts_in` where they are needed',
      },
    },
  ),
  'step.artifact_push': record(
    ['source_path', 'key'],
    {
      source_path: text('file or folder in the workspace of the shell step that this one needs'),
      key: artifactKey,
      dest: words('artifact_store, unless told', ['artifact_store']),
      retention_days: retentionDays,
      timeout,
    },
    {
      description: 'stores a file or folder',
      examples: [{ source_path: 'dist', key: 'ui', dest: 'artifact_store' }],
    },
  ),
  'step.artifact_pull': record(
    ['source', 'key', 'dest'],
    {
      source: words('of this run or another, or of the latest run that succeeded', [
        'artifact_store',
        'previous_execution',
      ]),
      execution_id: text('run that stored it; this run unless told', 200),
      key: artifactKey,
      dest: text('where it is put in the workspace of the steps that need this one'),
      timeout,
    },
    {
      description: 'puts an artifact into the workspaces of the steps that need this one',
      examples: [{ source: 'artifact_store', key: 'ui', dest: 'dist' }],
    },
  ),
  'step.gate': record(
    ['type'],
    {
      type: words('who opens it: conditions alone, or people', ['automatic', 'manual']),
      conditions: conditions('of an automatic gate: CEL; it opens when all are true'),
      approvers: texts('of a manual gate: e-mail addresses or user ids; none: whoever may approve', {
        length: 250,
        examples: [['admin@example.com']],
      }),
      required: whole('of a manual gate: so many people must approve; 1 unless told', 1, 50),
      timeout: duration('of a manual gate: rejected when nobody decided for so long'),
      auto_approve_conditions: conditions('of a manual gate: CEL; when all are true, nobody is asked'),
    },
    {
      allOf: [
        {
          if: { type: 'object', properties: { type: { const: 'automatic' } }, required: ['type'] },
          then: { type: 'object', required: ['conditions'] },
        },
      ],
      description: 'waits for people, or for conditions',
      examples: [
        { type: 'manual', approvers: ['admin@example.com'], required: 1, timeout: '24h' },
        { type: 'automatic', conditions: ['scan.passed', 'tests.passed'] },
      ],
    },
  ),
  'step.docker_build': record(
    ['tags'],
    {
      context: text('folder in the workspace; all of it unless told'),
      dockerfile: text('path in the context; Dockerfile unless told'),
      tags: someTexts('names of the image', { max: 50, length: 500, examples: [['myapp:{{.Version}}']] }),
      build_args: { ...env, description: 'ARG values; they stay readable in the image: no secrets' },
      cache_from: texts('images whose layers may be used again', { max: 50, length: 500 }),
      target: text('stage to stop at', 200),
      labels: labelMap(),
      pull: flag('ask the registry for newer base images'),
      no_cache: flag('build every layer anew'),
      timeout,
    },
    {
      description: 'builds an image with the agent’s Docker engine',
      examples: [{ context: '.', dockerfile: 'Dockerfile', tags: ['myapp:{{.Version}}'] }],
    },
  ),
  'step.docker_push': record(
    ['image'],
    {
      image: text('image on the agent’s engine', 500),
      registry: text('host, and path prefix if any; left out: what the image’s name says', 500),
      auth_provider: words(
        'how the agent signs in; basic where a password is given, else none',
        ['basic', 'aws_ecr', 'gcp', 'azure', 'digitalocean', 'none'],
        {
          'x-instead': {
            ecr: 'write `aws_ecr`',
            acr: 'write `azure`',
            gcr: 'write `gcp`',
            gar: 'write `gcp`',
          },
        },
      ),
      username: text('of basic; may be {{.Secrets.NAME}}'),
      password: text('of basic: {{.Secrets.NAME}}'),
      also_as: texts('more names to push it under', { max: 50, length: 500 }),
      timeout,
    },
    {
      description: 'pushes an image to a registry',
      examples: [
        {
          image: 'registry.example/myapp:{{.Version}}',
          auth_provider: 'basic',
          username: '{{.Secrets.REGISTRY_USER}}',
          password: '{{.Secrets.REGISTRY_PASSWORD}}',
        },
      ],
    },
  ),
  'step.docker_run': record(
    ['image'],
    {
      image: text('container image', 500),
      command: command('instead of the image’s'),
      entrypoint: command('instead of the image’s'),
      env,
      wait_for_exit: flag('true unless told: the step ends with the container, and with its exit code'),
      work_dir: workDir,
      timeout,
      ...sandbox,
    },
    {
      description: 'runs an image as it is',
      examples: [{ image: 'myapp:{{.Version}}', command: ['migrate'] }],
    },
  ),
  'step.scan_sast': scan('scans source code', 'semgrep', [
    { scanner: 'semgrep', rules: ['p/owasp-top-ten'], fail_on_severity: 'error' },
  ]),
  'step.scan_container': scan(
    'scans an image',
    'trivy',
    [{ scanner: 'trivy', target: 'myapp:{{.Version}}', fail_on_severity: 'critical' }],
    { target: text('the image that is scanned', 500) },
  ),
  'step.scan_deps': scan('scans dependencies', 'grype', [{ scanner: 'grype', fail_on_severity: 'high' }], {
    target: text('what is scanned in the scanner’s own words; `source_path` unless told', 500),
  }),
  'step.deploy': record(
    ['environment', 'image', 'provider'],
    {
      environment: text('where to', 100),
      service: text('what is deployed; the pipeline’s name unless told', 100),
      strategy: words('recreate unless told', ['recreate', 'rolling', 'blue_green', 'canary'], {
        'x-instead': { 'blue-green': 'write `blue_green`', bluegreen: 'write `blue_green`' },
      }),
      image: text('what runs there then', 500),
      provider: text('of the agent: docker, kubernetes, aws_ecs, …', 100),
      health_check: record(
        [],
        {
          path: text('asked by HTTP; / unless told'),
          port: whole('of the container; the first that it exposes unless told', 1, 65_535),
          interval: duration('between two checks; 10s unless told'),
          timeout: duration('of one check; 5s unless told'),
          healthy_threshold: whole('checks that must succeed in a row; 1 unless told', 1, 100),
          unhealthy_threshold: whole('checks that may fail in a row; 3 unless told', 1, 100),
          start_period: duration('from the start to the first good answer; 60s unless told'),
        },
        { description: 'how a new version proves itself' },
      ),
      rollback_on_failure: flag('true unless told: what ran before runs again'),
      env,
      rolling: settings('of the strategy', { max_surge: '25%', max_unavailable: 0 }),
      canary: settings('of the strategy', { steps: [5, 25, 50, 100] }),
      blue_green: settings('of the strategy', { keep_old: '10m' }),
      docker: settings('of the provider', { container: 'web', ports: ['8080:80'] }),
      settings: settings('of other providers and strategies, by their names', {
        kubernetes: { namespace: 'web' },
      }),
      timeout,
    },
    {
      description: 'deploys an image',
      examples: [
        { environment: 'production', strategy: 'rolling', image: 'myapp:{{.Version}}', provider: 'aws_ecs' },
      ],
    },
  ),
};

/** Of `uses: docker://image`: what a container may have beside its settings. */
export const pluginOptions: JsonSchema = record(
  [],
  { env, timeout, ...sandbox, artifacts_out: artifactsOut, artifacts_in: artifactsIn },
  {
    description: 'what the plugin’s container may have',
    'x-instead': {
      settings: 'write `with` beside `uses`',
      image: 'the image stands in `uses: docker://…`',
      commands: 'a plugin runs its own program; write `type: step.shell_exec` for commands',
    },
  },
);

function settings(description: string, example: unknown): JsonSchema {
  return { type: 'object', maxProperties: 100, description, examples: [example] };
}

function labelMap(): JsonSchema {
  return {
    type: 'object',
    maxProperties: 50,
    additionalProperties: { type: ['string', 'number', 'boolean'], maxLength: 1000 },
    description: 'labels of the image',
  };
}
