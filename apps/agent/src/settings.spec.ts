import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSettings, workloadTokenSource, type ReadSettings } from './settings.js';
import { SETTINGS, type Setting } from './settings-table.js';

const page = resolve(dirname(fileURLToPath(import.meta.url)), '../../../docs/agent.md');
const RECIPIENT = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj';
const URL_GIVEN = ['--url', 'https://hybrid.example.com/'];

describe('settings', () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'hybrid-settings-'));
  });
  afterAll(() => rmSync(home, { recursive: true }));

  function read(flags: string[], env: Record<string, string> = {}, file?: string): ReadSettings {
    const path = join(home, 'agent.yaml');
    if (file !== undefined) writeFileSync(path, file);
    return readSettings(
      ['node', 'agent', ...flags, ...(file === undefined ? [] : ['--config', path])],
      env,
      '1',
    );
  }

  it('have defaults where nothing is given', () => {
    expect(read(URL_GIVEN).settings).toMatchObject({
      url: 'https://hybrid.example.com',
      pool: 'default',
      label: {},
      capability: [],
      capacity: 1,
      executor: 'auto',
      allowHost: false,
      onStop: 'finish',
      drainTimeout: 30,
      disconnectAfterJob: false,
      disconnectAfterIdle: undefined,
      spoolLimitMb: 512,
      minFreeDiskMb: 500,
      healthAddress: undefined,
      trustKeys: undefined,
      trustRequire: ['pipeline', 'approval', 'rollback'],
    });
  });

  it('come from the flag before the environment before the file', () => {
    const file = 'url: http://file\ncapacity: 2\npool: file\nlabel: {from: file}\n';
    const env = { HYBRID_AGENT_CAPACITY: '3', HYBRID_AGENT_LABELS: 'from=env,more=1' };
    expect(read(['--label', 'from=flag', '--tags', 'a=b,c=d'], env, file).settings).toMatchObject({
      url: 'http://file',
      pool: 'file',
      capacity: 3,
      label: { from: 'flag', a: 'b', c: 'd' },
    });
    expect(read([], env, file).settings.label).toEqual({ from: 'env', more: '1' });
    expect(read([], {}, file).settings).toMatchObject({ capacity: 2, label: { from: 'file' } });
  });

  it('are read alike from a flag, a variable and a line of the file', () => {
    const examples: Record<keyof typeof SETTINGS, [text: string, value: unknown]> = {
      config: [join(home, 'other.yaml'), join(home, 'other.yaml')],
      url: ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
      name: ['builder', 'builder'],
      pool: ['linux', 'linux'],
      label: ['a=1,b=2', { a: '1', b: '2' }],
      capability: ['gpu,kvm', ['gpu', 'kvm']],
      region: ['eu-1', 'eu-1'],
      capacity: ['7', 7],
      data: ['/srv/agent', '/srv/agent'],
      joinTokenFile: ['/run/join', '/run/join'],
      workloadTokenFile: ['/run/workload', '/run/workload'],
      workloadTokenCommand: ['/bin/token --for hybrid', '/bin/token --for hybrid'],
      organisation: ['acme', 'acme'],
      secretsFile: ['/run/secrets', '/run/secrets'],
      secrets: ['{A: env://A}', { A: 'env://A' }],
      vault: ['{address: http://127.0.0.1:8200}', { address: 'http://127.0.0.1:8200' }],
      gitDepth: ['0', 0],
      gitSubmodules: ['yes', true],
      gitMirrors: ['no', false],
      gitCredentials: ['{git.example.com: TOKEN}', { 'git.example.com': { password: 'TOKEN' } }],
      gitKnownHosts: ['/etc/known', '/etc/known'],
      gitAcceptNewHosts: ['yes', true],
      allowLocalRepositories: ['yes', true],
      status: [
        '{git.example.com: {kind: gitea, token: T}}',
        { 'git.example.com': { kind: 'gitea', token: 'T', url: 'https://git.example.com/api/v1' } },
      ],
      executor: ['docker', 'docker'],
      allowHost: ['yes', true],
      defaultImage: ['alpine:3', 'alpine:3'],
      stepMemory: ['1.5GiB', 1.5 * 1024 ** 3],
      stepCpu: ['1.5', 1.5],
      stepPids: ['100', 100],
      allowMounts: ['/srv/cache,/opt', ['/srv/cache', '/opt']],
      allowDockerSocket: ['yes', true],
      deployTo: ['staging, production', ['staging', 'production']],
      onStop: ['hand-back', 'hand-back'],
      drainTimeout: ['0', 0],
      disconnectAfterJob: ['true', true],
      disconnectAfterIdle: ['60', 60],
      spoolLimitMb: ['10', 10],
      minFreeDiskMb: ['0', 0],
      artifactStore: ['s3://ci-data/artifacts?region=x', 's3://ci-data/artifacts?region=x'],
      logs: ['both', 'both'],
      logStore: ['file:///srv/logs', 'file:///srv/logs'],
      sealFor: [RECIPIENT, [RECIPIENT]],
      seal: ['artifacts', ['artifacts']],
      unsealKeyFile: ['/run/key', '/run/key'],
      cacheStore: ['file:///srv/cache', 'file:///srv/cache'],
      cacheSizeMb: ['5', 5],
      cacheBranch: ['trunk,next', ['trunk', 'next']],
      healthAddress: ['[::1]:8085', { host: '::1', port: 8085 }],
      trustKeys: ['keys.json', 'keys.json'],
      trustRequire: ['pipeline,approval', ['pipeline', 'approval']],
    };
    writeFileSync(join(home, 'other.yaml'), '');
    for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
      const [text, value] = examples[name as keyof typeof examples];
      const flag = setting.takes ? [`--${setting.flag}`, text] : [`--${setting.flag}`];
      const url = name === 'url' ? [] : URL_GIVEN;
      expect(read([...url, ...flag]).settings).toHaveProperty(name, value);
      expect(read(url, { [setting.env]: text }).settings).toHaveProperty(name, value);
      if (name === 'config') continue;
      expect(read(url, {}, `${setting.flag}: "${text}"\n`).settings).toHaveProperty(name, value);
    }
  });

  it('may be lists and maps in the file, where numbers stay as they are written', () => {
    const file = 'tags:\n  version: 1.10\n  text: "x,y"\ncapability: [gpu, kvm]\n';
    expect(read(URL_GIVEN, {}, file).settings).toMatchObject({
      label: { version: '1.10', text: 'x,y' },
      capability: ['gpu', 'kvm'],
    });
  });

  it('say of a secret where it lies and who may have it, in the file as on one line', () => {
    const file = 'secrets:\n  A: vault://secret/data/ci#a\n  B:\n    from: env://B\n    pipelines: [web]\n';
    const secrets = { A: 'vault://secret/data/ci#a', B: { from: 'env://B', pipelines: ['web'] } };
    expect(read(URL_GIVEN, {}, file).settings.secrets).toEqual(secrets);
    expect(read([...URL_GIVEN, '--secrets', JSON.stringify(secrets)]).settings.secrets).toEqual(secrets);
  });

  it('a variable can say no', () => {
    expect(read(URL_GIVEN, { HYBRID_ALLOW_HOST: 'false' }).settings.allowHost).toBe(false);
  });

  it('a port alone is on loopback', () => {
    expect(read([...URL_GIVEN, '--health-address', '8085']).settings.healthAddress).toEqual({
      host: '127.0.0.1',
      port: 8085,
    });
  });

  it.each<[string[], Record<string, string>, string | undefined, RegExp]>([
    [[], {}, undefined, /address of the gateway is missing: .*--url, HYBRID_URL or url/],
    [['--url', 'ftp://x'], {}, undefined, /^--url: it must be like https/],
    [['--url', 'https://user@x'], {}, undefined, /^--url: it must hold no user/],
    [URL_GIVEN, { HYBRID_AGENT_CAPACITY: 'two' }, undefined, /^HYBRID_AGENT_CAPACITY: .* from 1 to 1000/],
    [[...URL_GIVEN, '--capacity', '1e2'], {}, undefined, /^--capacity: it must be a whole number/],
    [[...URL_GIVEN, '--label', 'gpu'], {}, undefined, /^--label: it must be like key=value/],
    [[...URL_GIVEN, '--workload-token-command', ' '], {}, undefined, /^--workload-token-command: .* empty/],
    [[...URL_GIVEN, '--step-memory', '2 pounds'], {}, undefined, /--step-memory: it must be a size/],
    [[...URL_GIVEN, '--step-memory', '1k'], {}, undefined, /--step-memory: .* at least 6 MiB/],
    [[...URL_GIVEN, '--step-cpu', '0'], {}, undefined, /--step-cpu: it must be a number of cores/],
    [[...URL_GIVEN, '--allow-mounts', '/srv,cache'], {}, undefined, /cache must be an absolute path/],
    [[...URL_GIVEN, '--allow-mounts', '/srv/..'], {}, undefined, /name the folders/],
    [[...URL_GIVEN, '--on-stop', 'run'], {}, undefined, /^--on-stop: it must be finish or hand-back/],
    [URL_GIVEN, { HYBRID_ALLOW_HOST: 'maybe' }, undefined, /^HYBRID_ALLOW_HOST: it must be yes or no/],
    [[...URL_GIVEN, '--health-address', 'x:99999'], {}, undefined, /^--health-address: it must be like 127/],
    [URL_GIVEN, {}, 'pool: a\n\ncolour: red\n', /agent\.yaml:3: colour: there is no such setting/],
    [URL_GIVEN, {}, 'pool: a\ncapacity: 0\n', /agent\.yaml:2: capacity: it must be a whole number/],
    [URL_GIVEN, {}, 'label: {a: 1}\ntags: {b: 2}\n', /agent\.yaml:2: tags: this setting is given twice/],
    [URL_GIVEN, {}, 'secrets:\n  A: hunter22\n', /agent\.yaml:1: secrets: A: it must be a reference such as/],
    [URL_GIVEN, {}, 'secrets: [A]\n', /agent\.yaml:1: secrets: it must be a map/],
    [URL_GIVEN, {}, 'vault: {address: [1]}\n', /agent\.yaml:1: vault: address must be a text/],
    [[...URL_GIVEN, '--secrets', 'A'], {}, undefined, /^--secrets: it must be a map/],
    [
      URL_GIVEN,
      {},
      'git-credentials: {a.example: ghp_x-y}\n',
      /git-credentials: a\.example: a secret is named/,
    ],
    [
      URL_GIVEN,
      {},
      'git-credentials: {a.example: {user: x}}\n',
      /a\.example: there is no user, only username/,
    ],
    [URL_GIVEN, {}, 'git-credentials: {"https://a/b": X}\n', /must be a host such as github\.com/],
    [URL_GIVEN, {}, 'status: {a.example: {kind: svn, token: T}}\n', /kind must be github, gitlab, gitea/],
    [URL_GIVEN, {}, 'status: {a.example: {kind: gitea, token: x-y}}\n', /token must be the name of a secret/],
    [URL_GIVEN, {}, 'status: {a.example: {kind: gitea, token: T, url: x}}\n', /url must be an address/],
    [URL_GIVEN, {}, 'pool: a\npool: b\n', /agent\.yaml:2: this is not YAML: .*unique/],
    [URL_GIVEN, {}, 'pool: [a, b]\n', /agent\.yaml:1: pool: it must be one value/],
    [URL_GIVEN, {}, 'label: {a: [1]}\n', /agent\.yaml:1: label: it must be a list, a map or one value/],
    [URL_GIVEN, {}, 'pool:\n', /agent\.yaml:1: pool: it must be one value/],
    [URL_GIVEN, {}, 'a: "\n', /agent\.yaml:\d: this is not YAML/],
    [URL_GIVEN, {}, '- a\n', /agent\.yaml: it must hold lines like/],
    [URL_GIVEN, {}, 'config: other\n', /agent\.yaml:1: config: there is no such setting/],
    [[...URL_GIVEN, '--config', '/nowhere'], {}, undefined, /\/nowhere cannot be read .*--config/],
  ])('%j %j %j: says what is wrong, and where', (flags, env, file, message) => {
    expect(() => read(flags, env, file)).toThrow(message);
  });

  it('let an agent join in one way', () => {
    const settings = (...flags: string[]) => read([...URL_GIVEN, ...flags]).settings;
    const [file, command] = [
      ['--workload-token-file', '/run/token'],
      ['--workload-token-command', 'print-token'],
    ] as const;
    expect(workloadTokenSource(settings(), undefined)).toBeUndefined();
    expect(workloadTokenSource(settings(), 'join')).toBeUndefined();
    expect(workloadTokenSource(settings(...file), undefined)).toEqual({ file: '/run/token' });
    expect(workloadTokenSource(settings(...command), undefined)).toEqual({ command: 'print-token' });
    const several: [string[], string | undefined][] = [
      [[...file], 'join'],
      [[...command], 'join'],
      [[...file, ...command], undefined],
    ];
    for (const [flags, joinToken] of several)
      expect(() => workloadTokenSource(settings(...flags), joinToken)).toThrow(
        /more than one way: .*--workload-token-file or --workload-token-command/,
      );
  });

  it('are shown with where they come from', () => {
    const { shown, printOnly } = read(
      [...URL_GIVEN, '--print-config'],
      { HYBRID_JOIN_TOKEN: 'x-token' },
      'pool: p\n',
    );
    expect(printOnly).toBe(true);
    expect(shown).toContain('url: "https://hybrid.example.com" # --url\n');
    expect(shown).toMatch(/pool: "p" # .*agent\.yaml:1: pool\n/);
    expect(shown).toContain('capacity: 1 # default\n');
    expect(shown).not.toContain('x-token');
  });

  it('stand in the documentation, each of them', () => {
    const text = readFileSync(page, 'utf8');
    for (const { flag, env } of Object.values<Setting>(SETTINGS))
      expect(text).toMatch(new RegExp(`\\| \`${flag}\`.*\`${env}\``));
  });
});
