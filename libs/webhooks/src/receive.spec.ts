import { describe, expect, it } from '@jest/globals';
import { receive } from './receive.js';
import type { Received } from './received.js';
import { recorded, SECRETS, signedWebhook } from './recorded.fixtures.js';
import { shippedTool } from './tools.fixtures.js';

const NOW = Date.parse('2026-03-04T09:12:15Z');
const push = recorded('github-push');
const github = shippedTool('github');
const of = (body: string, contentType = 'application/json', secrets = [SECRETS.github]): Received => {
  const headers = { ...push.headers, 'content-type': contentType };
  return receive(github, signedWebhook({ ...push, headers, body: Buffer.from(body) }), secrets);
};

describe('a webhook', () => {
  it("of GitHub passes as a form, too: the signature is that of the form's bytes", () => {
    const form = new URLSearchParams({ payload: push.body.toString() }).toString();
    expect(of(form, 'application/x-www-form-urlencoded')).toEqual(of(push.body.toString()));
    expect(of(push.body.toString()).events).toHaveLength(1);
  });

  it('of Gitea does not pass as a form, whose signature covers something else', () => {
    const { headers, ...webhook } = recorded('gitea-push');
    const form = { ...webhook, headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' } };
    expect(receive(shippedTool('gitea'), signedWebhook(form), [SECRETS.gitea])).toMatchObject({
      refusal: { status: 415, code: 'wrong_content_type' },
    });
  });

  it.each(['{', '', `${'['.repeat(100)}`, 'payload='])(
    'that is not signed is not looked into: %p',
    (body) => {
      expect(of(body, 'text/html', ['another secret than it was signed with'])).toMatchObject({
        refusal: { status: 401, code: 'bad_signature' },
      });
    },
  );

  it.each(['null', '7', '"text"', '[]', '{}'])('that says only %s is nothing to pass on', (body) => {
    expect(of(body)).toEqual({ events: [], leftOut: [], ignored: 'push: github.yaml names no such event' });
  });

  it('after the standard is refused when it comes late', () => {
    const config = shippedTool('standard');
    const signed = signedWebhook(recorded('standard-event'), SECRETS.standard, NOW);
    const at = (seconds: number): Received =>
      receive(config, signed, [SECRETS.standard], NOW + seconds * 1000);
    expect(at(299).events).toHaveLength(1);
    expect(at(301)).toMatchObject({ refusal: { status: 401, code: 'stale' } });
  });
});
