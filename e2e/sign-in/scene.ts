/** A system with a provider to sign in with, and a browser: what the specs of sign-in share. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startSystem, type System } from '../system.js';
import { launchBrowser } from './browser.js';
import { CLIENT, signInAtIssuer, startOidcIssuer, type OidcIssuer } from './oidc-issuer.js';

export const SESSION_COOKIE = '__Host-hybrid-session';

export interface Reply {
  status: number;
  body: Record<string, unknown>;
}

export class Scene {
  private readonly contexts: BrowserContext[] = [];

  private constructor(
    readonly directory: string,
    readonly issuer: OidcIssuer,
    readonly system: System,
    readonly browser: Browser,
  ) {}

  /** `providers`: more lines of the file of providers. The issuer serves from `serve` on. */
  static async open(providers: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Scene> {
    const directory = await mkdtemp(join(tmpdir(), 'hybrid-sign-in-'));
    const issuer = await startOidcIssuer();
    const file = join(directory, 'providers.yaml');
    const acme = `acme: { title: Acme, issuer: '${issuer.url}', client_id: ${CLIENT.id}, client_secret_env: ACME_SECRET }`;
    await writeFile(file, [acme, ...providers, ''].join('\n'));
    const settings = { HYBRID_PROVIDERS_FILE: file, ACME_SECRET: CLIENT.secret, ...env };
    const system = await startSystem({ env: settings });
    return new Scene(directory, issuer, system, await launchBrowser());
  }

  serve(): Promise<void> {
    return this.issuer.serve([`${this.system.url}/auth/callback/acme`]);
  }

  async newContext(): Promise<BrowserContext> {
    const context = await this.browser.newContext();
    this.contexts.push(context);
    return context;
  }

  /** In a browser of its own unless told. */
  async visit(path: string, context?: BrowserContext): Promise<Page> {
    const page = await (context ?? (await this.newContext())).newPage();
    await page.goto(this.system.url + path);
    return page;
  }

  /** The path of its link. */
  async invite(role: string, name?: string): Promise<string> {
    const { status, body } = await this.system.admin<{ path: string }>('POST /api/invitations', {
      json: { roles: [{ role }], ...(name !== undefined && { name }) },
    });
    if (status !== 201) throw new Error(`invitation: ${status} ${JSON.stringify(body)}`);
    return body.path;
  }

  /** Comes with an invitation, and is signed in then. */
  async joinAs(name: string, role: string): Promise<Page> {
    const page = await this.visit(await this.invite(role));
    await page.click('text=Sign in with Acme');
    await signInAtIssuer(page, name);
    await page.waitForURL(`${this.system.url}/auth/sign-in`);
    return page;
  }

  /** Up to the answer of the way back. */
  async signIn(name: string, path = '/auth/sign-in', context?: BrowserContext): Promise<Page> {
    const page = await this.visit(path, context);
    await page.click('text=Sign in with Acme');
    await signInAtIssuer(page, name);
    return page;
  }

  /** As a page of the gateway asks, with its cookies and its origin; not from one whose policy lets it ask nothing. */
  async ask(context: BrowserContext, request: string, json?: unknown): Promise<Reply> {
    const [method, path] = request.split(' ');
    const page = await context.newPage();
    const blank = `${this.system.url}/page-of-the-spec`;
    await page.route(blank, (route) => route.fulfill({ contentType: 'text/html', body: '<p>' }));
    await page.goto(blank);
    const reply = await page.evaluate(
      async ([method, path, body]) => {
        const headers: Record<string, string> =
          body === undefined ? {} : { 'content-type': 'application/json' };
        const response = await fetch(path!, {
          method: method!,
          headers,
          ...(body !== undefined && { body }),
        });
        const text = await response.text();
        return { status: response.status, body: text ? (JSON.parse(text) as Record<string, unknown>) : {} };
      },
      [method, path, json === undefined ? undefined : JSON.stringify(json)],
    );
    await page.close();
    return reply;
  }

  async sessionOf(context: BrowserContext): Promise<string | undefined> {
    return (await context.cookies()).find(({ name }) => name === SESSION_COOKIE)?.value;
  }

  async closeContexts(): Promise<void> {
    for (const context of this.contexts.splice(0)) await context.close();
  }

  async close(): Promise<void> {
    await this.closeContexts();
    await this.browser.close();
    await this.system.stop();
    await this.issuer.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
