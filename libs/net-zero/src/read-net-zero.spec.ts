import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@hybrid/testing';
import { stringify } from 'yaml';
import { netZeroExample as example } from './example.js';
import type { NetZero } from './net-zero.js';
import { controlPlanePart, controlPlaneText, readNetZero } from './read-net-zero.js';

const rule = { name: 'a', when: { branch: ['main'] }, then: { do: 'triggers' } };
const least = {
  version: 1,
  name: 'acme',
  environment: 'test',
  queue: { kind: 'directory', path: '/var/deliveries' },
  routes: { rules: [rule] },
};
const relay = {
  data: '/var/lib/relay',
  digest_key: { id: 'k1', key: { env: 'DIGEST_KEY' } },
  sources: [{ name: 'github', tool: 'github', secrets: [{ env: 'SECRET' }] }],
};

const errorsOf = (config: unknown, part: 'whole' | 'control-plane' = 'whole') => {
  const read = readNetZero(typeof config === 'string' ? config : stringify(config), { part });
  return 'errors' in read ? read.errors.map(({ path, message }) => `${path}: ${message}`) : [];
};
const withRules = (...rules: object[]) => ({
  ...least,
  routes: { rules: rules.map((each, index) => ({ ...rule, name: `r${index}`, ...each })) },
});
const withRelay = (more: object) => ({ ...least, relay: { ...relay, ...more } });

describe('a net-zero configuration', () => {
  it('is read as the example has it, short forms written out', () => {
    const read = readNetZero(example, { part: 'whole' }) as { config: NetZero };
    expect(read).toHaveProperty('config');
    expect(read.config.routes.rules[1]!.when).toEqual({
      kind: ['tag'],
      repository: ['acme/*'],
      tag: ['v*', '!v*-rc*'],
    });
  });

  it('needs little', () => {
    expect(errorsOf(least)).toEqual([]);
    expect(errorsOf(withRelay({}))).toEqual([]);
    expect(errorsOf(withRules({ when: null }))).toEqual([]);
  });

  it('tells line and column', () => {
    const text = example.replace('pipeline: release', 'pipelin: release');
    const line = text.split('\n').findIndex((each) => each.includes('pipelin:')) + 1;
    const read = readNetZero(text, { part: 'whole' });
    expect(read).toEqual({
      errors: [
        expect.objectContaining({ message: '`pipeline` is missing' }),
        {
          path: 'routes.rules[1].then.pipelin',
          message: 'unknown key `pipelin`; did you mean `pipeline`?',
          line,
          column: 9,
        },
      ],
    });
  });

  it.each<[string, unknown, string]>([
    ['no YAML', 'a: [', ': not YAML: '],
    ['nothing', '', ': the configuration is empty'],
    ['a mistyped key', { ...least, envronment: 1 }, 'did you mean `environment`?'],
    ['another version', { ...least, version: 2 }, 'version: must be one of 1, not `2`'],
    ['an unknown kind of queue', { ...least, queue: { kind: 'kafka' } }, 'queue.kind: must be one of'],
    [
      'a mistyped part of a queue',
      { ...least, queue: { kind: 'directory', pth: '/a' } },
      'did you mean `path`?',
    ],
    [
      'an unknown host',
      withRelay({ sources: [{ name: 'a', tool: 'githb', secrets: [{ env: 'A' }] }] }),
      'did you mean `github`?',
    ],
    ['an unknown action', withRules({ then: { do: 'rum', pipeline: 'a' } }), 'did you mean `run`?'],
    [
      'a key of another action',
      withRules({ then: { do: 'ignore', pipeline: 'a' } }),
      'unknown key `pipeline`',
    ],
    ['words of other systems', withRules({ when: { branches: ['main'] } }), 'write `branch`'],
    [
      'an unknown kind',
      withRules({ when: { kind: 'pushed' } }),
      'must be push, tag, pull_request, other, or a list of them',
    ],
    [
      'a rule twice',
      withRules({ name: 'x' }, { name: 'x', when: { tag: 'a' } }),
      'there is a rule `x` already',
    ],
    [
      'a source twice',
      withRelay({ sources: [...relay.sources, ...relay.sources] }),
      'there is a source `github` already',
    ],
    [
      'a source that is not there',
      { ...withRelay({}), routes: withRules({ when: { source: 'gihub' } }).routes },
      'there is no source `gihub`; did you mean `github`?',
    ],
    ['a rule after one without conditions', withRules({ when: {} }, {}), 'never decides: `r0` before it'],
    [
      'a rule after one with the same conditions',
      withRules({ when: { tag: 'a', fork: true } }, { when: { fork: true, tag: ['a'] } }),
      'never decides: `r0` before it',
    ],
    ['a condition that is none', withRules({ when: { if: 'metadata.branch ==' } }), '`metadata.branch ==`: '],
    [
      'a condition on what no event has',
      withRules({ when: { if: 'metadata.brunch == "a"' } }),
      'No such key: brunch',
    ],
    [
      'a condition that is no condition',
      withRules({ when: { if: 'metadata.branch' } }),
      'is string, not true or false',
    ],
    [
      'a variable that there is not',
      withRules({ when: { if: 'branch == "main"' } }),
      'of the event: metadata.branch',
    ],
    [
      'a loop',
      withRules({ when: { if: 'metadata.paths.exists(p, p == "a")' } }),
      'calls exists(), which conditions do not have',
    ],
    [
      'a text with an unknown name',
      withRules({ then: { do: 'run', pipeline: 'a', inputs: { b: '{{metadata.brnch}}' } } }),
      'did you mean `metadata.branch`?',
    ],
    [
      'a text that is not closed',
      withRules({ then: { do: 'run', pipeline: 'a', inputs: { b: 'x {{tool' } } }),
      '`{{` is never closed',
    ],
    ['a message without a queue', withRules({ then: { do: 'send' } }), '`send` needs a queue to send to'],
    [
      'a default that may lack a value',
      {
        ...least,
        routes: { rules: [], default: { do: 'run', pipeline: 'a', inputs: { b: '{{metadata.tag}}' } } },
      },
      'not every event has metadata.tag',
    ],
    [
      'no way to register',
      withRelay({ control_plane: { url: 'https://a.example' } }),
      'needs `join_token` or `oauth2`',
    ],
  ])('is refused with %s', (_, config, message) => {
    expect(errorsOf(config).join('\n')).toContain(message);
  });

  describe('with addresses without TLS', () => {
    const queue = { stream: 's', subject: 's', consumer: 'c', aside: 'a' };
    const at = (url: string, more = {}) =>
      withRelay({ control_plane: { url, join_token: { env: 'TOKEN' } }, ...more });
    const oauth2 = { token_url: 'http://10.0.0.7/token', client_id: 'a', client_secret: { env: 'A' } };

    it.each([
      [at('http://hybrid.example.com'), 'relay.control_plane.url', 'API key .* hybrid.example.com'],
      [at('http://localhost.example.com:8080'), 'relay.control_plane.url', 'localhost.example.com'],
      [
        withRelay({ control_plane: { url: 'https://a.example', oauth2 } }),
        'relay.control_plane.oauth2.token_url',
        'client secret .* 10.0.0.7',
      ],
      [
        { ...withRelay({}), queue: { kind: 'nats', url: 'nats://nats.example.com:4222', ...queue } },
        'queue.url',
        "the queue's credential .* nats.example.com",
      ],
      [
        {
          ...withRelay({}),
          queue: { kind: 'redis', url: 'redis://[2001:db8::1]', stream: 's', group: 'g', aside: 'a' },
        },
        'queue.url',
        '2001:db8::1',
      ],
    ])('is refused at other machines, by its place and what to write (%#)', (config, path, message) => {
      const errors = errorsOf(config);
      expect(errors).toEqual([
        expect.stringMatching(`^${path}: .*${message}.* without TLS.*allow_plain_text: true`),
      ]);
      expect(errorsOf({ ...config, relay: { ...config.relay, allow_plain_text: true } })).toEqual([]);
    });

    it('is taken at this machine, and where no relay stands in it', () => {
      for (const host of ['127.0.0.1:8080', 'localhost', '[::1]:8080'])
        expect(errorsOf(at(`http://${host}`))).toEqual([]);
      const nats = { kind: 'nats', url: 'nats://nats.example.com', ...queue };
      expect(errorsOf({ ...least, queue: nats })).toEqual([]);
      expect(errorsOf({ ...least, queue: nats }, 'control-plane')).toEqual([]);
    });
  });

  it('lets a rule follow one that does not always decide', () => {
    const release = { do: 'run', pipeline: 'a', inputs: { tag: '{{metadata.tag}}' } };
    expect(errorsOf(withRules({ when: {}, then: release }, { when: {} }))).toEqual([]);
    expect(errorsOf(withRules({ when: {} }, { when: { kind: 'other' } }))).toEqual([]);
    expect(
      errorsOf({ ...withRules({ when: {} }, {}), ...{ routes: { match: 'all', rules: [rule] } } }),
    ).toEqual([]);
  });

  it('never shows what could be a secret', () => {
    const errors = [
      ...errorsOf({
        ...least,
        queue: { kind: 'redis', url: 'redis://u:hunter2@h', stream: 's', group: 'g', aside: 'a' },
      }),
      ...errorsOf(withRelay({ digest_key: { id: 'k', key: 'hunter2' } })),
      ...errorsOf(withRelay({ sources: [{ name: 'a', tool: 'hmac', secrets: ['hunter2'] }] })),
      ...errorsOf(withRelay({ sources: [{ name: 'a', tool: 'hmac', secrets: 'hunter2' }] })),
      ...errorsOf(withRelay({ digest_key: { id: 'k', key: { env: 'hunter2+/=' } } })),
    ];
    expect(errors).toHaveLength(5);
    expect(errors[1]).toContain('{env: NAME}, {file: /path} or {vault: path}');
    expect(errors.join('\n')).not.toContain('hunter2');
  });
});

it('answers with the configuration or its errors, whatever the text is', () => {
  const random = seededRandom();
  const at = (length: number): number => Math.floor(random() * length);
  for (let round = 0; round < 100; round++) {
    let text = example;
    for (let edits = 1 + at(3); edits > 0; edits--) {
      const from = at(text.length);
      text = text.slice(0, from) + [...'{[:"*&!-\n '][at(10)] + text.slice(from + at(20));
    }
    const read = readNetZero(text, { part: 'whole' });
    if ('config' in read) controlPlaneText(read.config);
    else expect(read.errors.length).toBeGreaterThan(0);
  }
});

describe('what the control plane is told', () => {
  const { config } = readNetZero(example, { part: 'whole' }) as { config: NetZero };

  it('has no part of the relay', () => {
    expect(controlPlanePart(config)).not.toHaveProperty('relay');
    expect(controlPlanePart(config).credentials).toEqual({ control_plane: { name: 'acme-nats' } });
    const text = controlPlaneText(config);
    for (const own of ['GITHUB_WEBHOOK_SECRET', '/run/secrets', 'HYBRID_JOIN_TOKEN', '/var/lib/hybrid-relay'])
      expect(text).not.toContain(own);
  });

  it('is read there as it was meant', () => {
    expect(readNetZero(controlPlaneText(config), { part: 'control-plane' })).toEqual({
      config: controlPlanePart(config),
    });
  });

  it('is refused there with what should have stayed', () => {
    expect(errorsOf(example, 'control-plane')).toEqual([
      expect.stringMatching(/^credentials.relay: .*stays on the customer's side/),
      expect.stringMatching(/^relay: .*stays on the customer's side/),
    ]);
  });
});
