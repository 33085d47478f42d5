import { describe, expect, it } from '@jest/globals';
import { deviceName } from '../device-name.js';
import { html } from './html.js';
import { deviceConfirmPage, grantText, invitationPage } from './pages.js';

const EVIL = `"'><script>alert(1)</script>&amp;`;
const ESCAPED = '&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;';

describe('html', () => {
  it('takes texts for texts, and what it made itself for markup', () => {
    expect(html`<a href="${EVIL}">${EVIL}</a>`.text).toBe(`<a href="${ESCAPED}">${ESCAPED}</a>`);
    expect(html`<p>${html`<b>${'<'}</b>`}${[html`<i></i>`, html`${1}`]}${null}</p>`.text).toBe(
      '<p><b>&lt;</b><i></i>1</p>',
    );
  });

  it('of pages holds nothing that others wrote but as text', () => {
    const invitation = {
      invitation_id: EVIL,
      org: EVIL,
      organisation_name: EVIL,
      name: EVIL,
      roles: [{ role: 'viewer' as const, pool: EVIL }],
      expires_at: EVIL,
    };
    for (const { text } of [
      invitationPage(invitation, [{ title: EVIL, href: EVIL }]),
      deviceConfirmPage(EVIL, EVIL, EVIL, EVIL),
    ]) {
      expect(text).toContain(ESCAPED);
      expect(text).not.toContain('<script>');
      expect(text).not.toContain(EVIL.slice(0, 3));
    }
  });
});

describe('what pages say', () => {
  it('of roles', () => {
    expect(grantText({ role: 'admin' })).toBe('admin');
    expect(grantText({ role: 'operator', pool: 'fast' })).toBe('operator of the pool fast');
  });

  it.each([
    [undefined, null],
    [' \r\n\t', null],
    ['curl/8', 'curl/8'],
    ['a\r\nb\u0000c\u202ed', 'a b c d'],
    ['x'.repeat(300), 'x'.repeat(200)],
  ])('of a device that calls itself %j', (agent, shown) => expect(deviceName(agent)).toBe(shown));
});
