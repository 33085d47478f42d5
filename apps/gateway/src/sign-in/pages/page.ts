/** The frame of the few pages that the gateway has itself, and how they are sent. */
import type { FastifyReply } from 'fastify';
import { hash } from 'node:crypto';
import { html, Html } from './html.js';

const STYLE = `
  body { font: 1rem/1.5 system-ui, sans-serif; color: #1b1f24; background: #f6f8fa; margin: 0; }
  main { max-width: 30rem; margin: 10vh auto; padding: 2rem; background: #fff; border: 1px solid #d0d7de; border-radius: 8px; }
  h1 { font-size: 1.4rem; margin-top: 0; }
  a.button, button { display: block; width: 100%; box-sizing: border-box; margin: .6rem 0; padding: .6rem; font: inherit;
    text-align: center; text-decoration: none; color: #fff; background: #0b57d0; border: 2px solid #0b57d0; border-radius: 6px; cursor: pointer; }
  button.second { color: #1b1f24; background: #fff; border-color: #6e7781; }
  a.button:focus, button:focus, input:focus { outline: 3px solid #f0a500; outline-offset: 2px; }
  input { width: 100%; box-sizing: border-box; padding: .5rem; font: 1.2rem monospace; }
  dt { font-weight: 600; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
  code { background: #f6f8fa; padding: .1rem .3rem; }
`;

/** Carries the secret of an invitation from the fragment, which no server sees, into a form. */
const INVITATION_SCRIPT = `
  const form = document.querySelector('form');
  const token = location.hash.slice(1);
  history.replaceState(null, '', location.pathname);
  if (token) { form.token.value = token; form.submit(); }
`;
export const invitationScript = new Html(`<script>${INVITATION_SCRIPT}</script>`);

const sha256 = (text: string) => `'sha256-${hash('sha256', text, 'base64')}'`;
const POLICY = [
  "default-src 'none'",
  `style-src ${sha256(STYLE)}`,
  `script-src ${sha256(INVITATION_SCRIPT)}`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

export function sendPage(reply: FastifyReply, status: number, title: string, body: Html): void {
  void reply
    .code(status)
    .type('text/html; charset=utf-8')
    .headers({
      'content-security-policy': POLICY,
      'cache-control': 'no-store',
      // Forms of pages without any referrer are sent with the Origin "null".
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
    .send(
      html`<!doctype html>
        <html lang="en">
          <head>
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width, initial-scale=1" />
            <title>${title} · hybrid</title>
            ${new Html(`<style>${STYLE}</style>`)}
          </head>
          <body>
            <main>
              <h1>${title}</h1>
              ${body}
            </main>
          </body>
        </html>`.text,
    );
}
