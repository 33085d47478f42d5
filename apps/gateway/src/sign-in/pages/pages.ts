/** What the pages say. */
import type { Grant, InvitationAccess } from '@hybrid/contracts';
import { html, type Html } from './html.js';
import { invitationScript } from './page.js';

export interface Choice {
  title: string;
  href: string;
}

const links = (choices: readonly Choice[]): Html[] =>
  choices.map(({ title, href }) => html`<a class="button" href="${href}">Sign in with ${title}</a>`);

export function signInPage(choices: readonly Choice[]): Html {
  if (choices.length > 0) return html`${links(choices)}`;
  return html`<p>No provider to sign in with is set up here. An administrator can invite you with a link.</p>
    <p>
      The administrator sets <code>HYBRID_PROVIDERS_FILE</code>, or opens the link that is shown at the start.
    </p>`;
}

export function signedInPage(name: string, org: string, sessions: number): Html {
  return html`<p>You are signed in as <strong>${name}</strong>, in the organisation ${org}.</p>
    <p>Sessions that are open, this one among them: ${sessions}.</p>
    <form method="post" action="/auth/logout"><button class="second">Sign out</button></form>`;
}

/** Sends itself on with the secret of the link. */
export function openInvitationPage(): Html {
  return html`<form method="post" action="/auth/invitation"><input type="hidden" name="token" /></form>
    <p>This page needs the whole link of an invitation, and JavaScript to read it.</p>
    ${invitationScript}`;
}

/** With no provider to sign in with, the invitation alone is it. */
export function invitationPage(invitation: InvitationAccess, choices: readonly Choice[]): Html {
  const { organisation_name, name, roles } = invitation;
  return html`<p>
      ${name ? `${name}, you` : 'You'} are invited to <strong>${organisation_name}</strong>, with:
    </p>
    <ul>
      ${roles.map((grant) => html`<li>${grantText(grant)}</li>`)}
    </ul>
    ${choices.length > 0 ? links(choices) : html`<form method="post" action="/auth/invitation/accept"><button>Sign in</button></form>`}`;
}

export function grantText({ role, pool, pipeline, environment }: Grant): string {
  const places = [
    pool !== undefined && `the pool ${pool}`,
    pipeline !== undefined && `the pipeline ${pipeline}`,
    environment !== undefined && `the environment ${environment}`,
  ].filter((place) => place !== false);
  return places.length > 0 ? `${role} of ${places.join(', ')}` : role;
}

export function deviceCodePage(): Html {
  return html`<form method="get" action="/auth/device">
    <label for="user_code">The code that your device shows</label>
    <p>
      <input
        id="user_code"
        name="user_code"
        required
        autofocus
        autocomplete="off"
        autocapitalize="characters"
      />
    </p>
    <button>Go on</button>
  </form>`;
}

export function deviceConfirmPage(code: string, device: string | null, address: string, name: string): Html {
  return html`<p>
      A device wants to act as <strong>${name}</strong>, until it signs out or the session is over.
    </p>
    <dl>
      <dt>Code</dt>
      <dd><code>${code}</code></dd>
      <dt>It calls itself</dt>
      <dd>${device ?? 'nothing'}</dd>
      <dt>It asks from</dt>
      <dd>${address}</dd>
    </dl>
    <p>Say yes only if the device is before you, and shows this code.</p>
    <form method="post" action="/auth/device/answer">
      <input type="hidden" name="user_code" value="${code}" />
      <button name="answer" value="approve">Yes, sign it in</button>
      <button class="second" name="answer" value="deny">No</button>
    </form>`;
}

export function sayPage(text: string): Html {
  return html`<p>${text}</p>`;
}
