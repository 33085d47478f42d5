import type { Delivery, DeliveryMetadata } from '@hybrid/contracts';
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@hybrid/testing';
import type { RouteAction, RouteCondition, RouteRule } from './net-zero.js';
import { explainRoute, route } from './route.js';

const push: DeliveryMetadata = { repository: 'acme/web', branch: 'main', author: 'ada', paths: ['src/a.ts'] };
const delivery = (more: Partial<Delivery> = {}): Delivery => ({
  v: 1,
  id: '5ba31aa8-9d4b-5f0b-a8a4-1f2a6c0b7f11',
  relay_id: '0192d3a4-0000-7000-8000-000000000001',
  source: 'github',
  tool: 'github',
  kind: 'push',
  event: 'push',
  action: null,
  delivery: null,
  received_at: '2026-01-02T03:04:05Z',
  payload: { bytes: 1234, keyed_sha256: 'ab'.repeat(32), key_id: 'k1' },
  metadata: push,
  ...more,
});
const pullRequest = (metadata: DeliveryMetadata) =>
  delivery({
    kind: 'pull_request',
    event: 'pull_request',
    action: 'opened',
    metadata: { repository: 'acme/web', pull_request: 7, branch: 'fix', base_branch: 'main', ...metadata },
  });
const rule = (
  name: string,
  when: RouteCondition = {},
  then: RouteAction = { do: 'triggers' },
): RouteRule => ({
  name,
  when,
  then,
});
const fits = (when: RouteCondition, of: Delivery = delivery()) =>
  explainRoute(of, { rules: [rule('r', when)] }).asked[0]!;

describe('a rule', () => {
  it.each<[RouteCondition, boolean, string]>([
    [{ branch: ['main', 'release/*'] }, true, 'branch main fits "main, release/*"'],
    [{ branch: ['*', '!main'] }, false, 'branch main does not fit "*, !main"'],
    [{ branch: ['!main', 'ma*'] }, true, 'branch main fits "!main, ma*"'],
    [{ author: ['!*-bot'] }, true, 'author ada fits "!*-bot"'],
    [{ branch: ['!**'] }, false, 'branch main does not fit "!**"'],
    [{ tag: ['v*'] }, false, 'it has no tag'],
    [{ action: ['!closed'] }, false, 'it has no action'],
    [{ repository: ['acme/*'] }, true, 'repository acme/web fits "acme/*"'],
    [{ repository: ['*'] }, false, 'repository acme/web does not fit "*"'],
    [{ kind: ['tag', 'push'] }, true, 'kind push fits "tag, push"'],
    [{ tool: ['gitlab'] }, false, 'tool github does not fit "gitlab"'],
    [{ paths: ['src/**'] }, true, 'path src/a.ts fits "src/**"'],
    [{ paths: ['docs/**'] }, false, 'none of 1 paths fits "docs/**"'],
    [{ labels: ['a'] }, false, 'it has no labels; none fits "a"'],
    [{ fork: false }, true, 'it comes from no fork'],
    [{ if: 'metadata.branch.startsWith("ma") && tool == "github"' }, true, '` is true'],
    [{ if: 'payload.bytes > 2000' }, false, '` is false'],
    [{ if: 'metadata.tag == "v1"' }, false, 'No such key: tag: it has no value for this event'],
    [{ if: 'has(metadata.tag) && metadata.tag == "v1"' }, false, '` is false'],
    [{ if: '"src/a.ts" in metadata.paths' }, true, '` is true'],
    [{ if: 'action == ""' }, true, '` is true'],
  ])('with %j: %s', (when, wanted, why) => {
    const asked = fits(when);
    expect(asked.fits).toBe(wanted);
    expect(asked.conditions[0]!.why).toContain(why);
  });

  it('takes paths as met where the host does not name them all', () => {
    const some = delivery({ metadata: { ...push, paths_complete: false } });
    expect(fits({ paths: ['docs/**'] }, some)).toMatchObject({
      fits: true,
      conditions: [{ why: 'not all changed paths are known, so "docs/**" may fit' }],
    });
    expect(fits({ paths: ['docs/**'] }, pullRequest({})).fits).toBe(true);
    const tag = delivery({ kind: 'tag', metadata: { repository: 'acme/web', tag: 'v1' } });
    expect(fits({ paths: ['docs/**'] }, tag).fits).toBe(false);
  });

  it('tells forks and numbers', () => {
    const fork = pullRequest({ fork: true, labels: ['big', 'deploy'] });
    expect(fits({ fork: true, labels: ['dep*'], if: 'metadata.pull_request == 7' }, fork)).toMatchObject({
      fits: true,
      conditions: [
        { why: 'it comes from a fork' },
        { why: 'label deploy fits "dep*"' },
        { why: '`metadata.pull_request == 7` is true' },
      ],
    });
  });

  it('must ask for events of kind other by kind or event', () => {
    const ping = delivery({ kind: 'other', event: 'ping', metadata: {} });
    expect(fits({}, ping).fits).toBe(false);
    expect(fits({ source: ['github'] }, ping).fits).toBe(false);
    expect(fits({ kind: ['other'] }, ping).fits).toBe(true);
    expect(fits({ event: ['p*'] }, ping).fits).toBe(true);
    expect(route(ping, { rules: [], default: { do: 'run', pipeline: 'a' } })).toMatchObject([
      { rule: null, action: { do: 'ignore' } },
    ]);
  });
});

describe('texts of actions', () => {
  const then: RouteAction = {
    do: 'run',
    pipeline: 'a',
    inputs: { what: '{{metadata.branch}} of {{ metadata.repository }}, {{payload.bytes}} bytes', plain: 'x' },
  };

  it('are filled in with values of the event, in one pass', () => {
    expect(route(delivery(), { rules: [rule('r', {}, then)] })[0]!.action).toMatchObject({
      inputs: { what: 'main of acme/web, 1234 bytes', plain: 'x' },
    });
    const sly = delivery({ metadata: { ...push, branch: '{{metadata.author}}$&' } });
    expect(route(sly, { rules: [rule('r', {}, then)] })[0]!.action).toMatchObject({
      inputs: { what: '{{metadata.author}}$& of acme/web, 1234 bytes' },
    });
  });

  it('without a value: the rule does not fit, and says so', () => {
    const tag = delivery({ kind: 'tag', metadata: { repository: 'acme/web', tag: 'v1' } });
    const { decisions, asked } = explainRoute(tag, { rules: [rule('r', {}, then), rule('next')] });
    expect(decisions).toMatchObject([{ rule: 'next' }]);
    expect(asked[0]!.conditions).toEqual([
      { condition: 'then', fits: false, why: '{{metadata.branch}} has no value for this event' },
    ]);
  });
});

describe('the decision', () => {
  const rules = [
    rule('tags', { tag: ['*'] }),
    rule('main', { branch: ['main'] }),
    rule('web', { repository: ['*/web'] }),
  ];

  it('is that of the first rule that fits', () => {
    expect(explainRoute(delivery(), { rules })).toMatchObject({
      decisions: [{ rule: 'main', action: { do: 'triggers' }, because: 'branch main fits "main"' }],
      asked: [
        { rule: 'tags', fits: false },
        { rule: 'main', fits: true },
      ],
    });
  });

  it('is that of all that fit, where told', () => {
    expect(route(delivery(), { match: 'all', rules }).map((each) => each.rule)).toEqual(['main', 'web']);
  });

  it('is the default where none fits: triggers, unless told', () => {
    const other = delivery({ metadata: { repository: 'acme/api', branch: 'fix' } });
    expect(route(other, { rules })).toEqual([
      { rule: null, action: { do: 'triggers' }, because: 'none of 3 rules fits' },
    ]);
    expect(route(other, { rules: [], default: { do: 'ignore' } })).toEqual([
      { rule: null, action: { do: 'ignore' }, because: 'there are no rules' },
    ]);
  });

  it('keeps to the order of the rules, whatever they are', () => {
    const random = seededRandom();
    const pick = <T>(values: T[]): T => values[Math.floor(random() * values.length)]!;
    const some: (() => RouteCondition)[] = [
      () => ({ branch: [pick(['main', 'fix', '!main', 're*'])] }),
      () => ({ kind: [pick(['push', 'pull_request', 'tag', 'other'])] }),
      () => ({ fork: pick([true, false]) }),
      () => ({ if: pick(['metadata.branch == "main"', 'metadata.pull_request > 5', 'tool == "github"']) }),
      () => ({ labels: [pick(['a', '!a'])] }),
      () => ({}),
    ];
    for (let round = 0; round < 500; round++) {
      const rules = Array.from({ length: Math.floor(random() * 6) }, (_, index) =>
        rule(`r${index}`, { ...pick(some)(), ...pick(some)() }),
      );
      const event = pick([
        delivery({ metadata: { ...push, branch: pick(['main', 'fix', 'release']) } }),
        pullRequest({ fork: pick([true, false]), labels: pick([[], ['a'], ['b']]) }),
        delivery({ kind: 'tag', metadata: { repository: 'acme/web', tag: 'v1' } }),
        delivery({ kind: 'other', event: 'ping', metadata: {} }),
      ]);
      const all = route(event, { match: 'all', rules });
      const first = route(event, { match: 'first', rules });
      expect(first).toHaveLength(1);
      expect(all[0]).toEqual(first[0]);
      expect(all.length).toBeGreaterThan(0);
      const each = rules.filter((one) => route(event, { rules: [one] })[0]!.rule !== null);
      const names = each.length > 0 ? each.map(({ name }) => name) : [null];
      expect(all.map((decision) => decision.rule)).toEqual(names);
    }
  });
});
