import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { bundleOf } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { ask } from '../http/client.js';
import { startSystem, type System } from '../system.js';
import { launchBrowser, noBrowser } from './browser.js';

if (noBrowser) console.warn(`skipped: ${noBrowser}`);

interface Command {
  process: ChildProcess;
  output: string;
  exited: Promise<number | null>;
}

interface Device {
  device_code: string;
  user_code: string;
  verification_uri_complete: string;
}

(noBrowser ? describe.skip : describe)('devices, and who comes by a link alone', () => {
  let system: System;
  let browser: Browser;
  let context: BrowserContext;
  let config: string;
  const children: Command[] = [];
  const me = 'GET /api/users/me';

  beforeAll(async () => {
    config = await mkdtemp(join(tmpdir(), 'hybrid-config-'));
    system = await startSystem();
    browser = await launchBrowser();
    context = await browser.newContext();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.process.kill('SIGKILL');
      await child.exited;
    }
  });
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
    await rm(config, { recursive: true, force: true });
  });

  /** The command, with a home of its own and no token. */
  function cli(...args: string[]): Command {
    const child = spawn(process.execPath, [bundleOf('cli'), ...args], {
      cwd: config,
      env: { PATH: process.env['PATH'], XDG_CONFIG_HOME: config, HYBRID_URL: system.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const run: Command = {
      process: child,
      output: '',
      exited: new Promise((done) => child.once('close', (code) => done(code))),
    };
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part) => (run.output += String(part)));
    children.push(run);
    return run;
  }

  async function open(path: string): Promise<Page> {
    const page = await context.newPage();
    await page.goto(path.startsWith('http') ? path : system.url + path);
    return page;
  }

  const invite = async (role: string, name: string) =>
    (await system.admin<{ path: string }>('POST /api/invitations', { json: { roles: [{ role }], name } }))
      .body.path;
  const begin = async () => (await ask<Device>(system.url, 'POST /auth/device', { json: {} })).body;
  const poll = (device_code: string) => ask(system.url, 'POST /auth/device/token', { json: { device_code } });
  const answer = async (device: Device, button: string) => {
    const page = await open(device.verification_uri_complete);
    await page.click(`text=${button}`);
    return page;
  };

  it('the first administrator comes by a link, once, where there is no provider', async () => {
    const path = await invite('admin', 'administrator');
    const page = await open(path);
    await page.click('text=Sign in');
    await page.waitForSelector('text=You are signed in as administrator');
    const other = await browser.newContext();
    const again = await other.newPage();
    await again.goto(system.url + path);
    await again.waitForSelector('text=invitation_invalid');
    await other.close();
  });

  it('who was invited without a name is nobody who was here before', async () => {
    const { body } = await system.admin<{ path: string }>('POST /api/invitations', {
      json: { roles: [{ role: 'viewer' }] },
    });
    const other = await browser.newContext();
    const page = await other.newPage();
    await page.goto(system.url + body.path);
    await page.click('text=Sign in');
    await page.waitForSelector('text=You are signed in as guest');
    const [session] = await other.cookies();
    expect((await ask(system.url, me, { token: session!.value })).body).toMatchObject({
      roles: [{ role: 'viewer' }],
    });
    await other.close();
  });

  it('hybrid login: a code in the terminal, a yes in the browser', async () => {
    const login = cli('login');
    const address = await eventually(() => {
      expect(login.output).toMatch(/open http/);
      return /open (\S+)/.exec(login.output)![1]!;
    });
    const page = await open(address);
    const text = await page.textContent('main');
    expect(text).toContain('A device wants to act as administrator');
    expect(text).toMatch(/hybrid on \S+ \(\w+\)/);
    expect(text).toContain('127.0.0.1');
    await page.click('text=Yes, sign it in');
    await page.waitForSelector('text=The device is signed in');
    expect(await login.exited).toBe(0);
    expect(login.output).toContain(`signed in at ${system.url}`);
    const file = join(config, 'hybrid/credentials.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const saved = JSON.parse(await readFile(file, 'utf8')) as Record<string, { token: string }>;
    expect(login.output).not.toContain(saved[system.url]!.token);

    const who = cli('whoami');
    expect(await who.exited).toBe(0);
    expect(who.output).toMatch(/^user \S+ in default: admin\n$/);

    const logout = cli('logout');
    expect(await logout.exited).toBe(0);
    expect((await ask(system.url, me, { token: saved[system.url]!.token })).status).toBe(401);
    const nobody = cli('whoami');
    expect(await nobody.exited).toBe(3);
    expect(nobody.output).toContain('hybrid login');
  });

  it('hybrid login: Ctrl-C ends it, and nobody is signed in', async () => {
    const login = cli('login');
    await eventually(() => expect(login.output).toMatch(/say yes/));
    login.process.kill('SIGINT');
    expect(await login.exited).toBe(130);
    expect(login.output).toContain('interrupted');
  });

  it('a device is told to wait, and to wait longer when it does not', async () => {
    // Whoever is held up for seconds between the two asks has waited.
    await eventually(async () => {
      const device = await begin();
      expect((await poll(device.device_code)).body).toMatchObject({ code: 'authorization_pending' });
      expect((await poll(device.device_code)).body).toMatchObject({ code: 'slow_down' });
    });
  });

  it('a device is signed in once, with a session of its own', async () => {
    const device = await begin();
    await (await answer(device, 'Yes, sign it in')).waitForSelector('text=The device is signed in');
    const answers = await Promise.all(Array.from({ length: 5 }, () => poll(device.device_code)));
    const [token, ...more] = answers.filter(({ status }) => status === 200);
    expect(more).toEqual([]);
    expect(token!.body).toMatchObject({ token_type: 'Bearer', access_token: expect.stringMatching(/^hys_/) });
    expect((await poll(device.device_code)).body).toMatchObject({ code: 'expired_token' });
    expect((await ask(system.url, me, { token: token!.body['access_token'] as string })).body).toMatchObject({
      kind: 'user',
      roles: [{ role: 'admin' }],
    });
  });

  it('a device that was refused is told so', async () => {
    const device = await begin();
    const page = await open(device.verification_uri_complete);
    await page.click('button:has-text("No")');
    await page.waitForSelector('text=The device was refused');
    expect((await poll(device.device_code)).body).toMatchObject({ code: 'access_denied' });
  });

  it('a device gets nothing with a code that nobody gave it', async () => {
    for (const code of ['', 'nonsense', (await begin()).user_code])
      expect((await poll(code)).status).toBe(422);
  });

  it('nobody answers for a device who is not signed in', async () => {
    const device = await begin();
    const other = await browser.newContext();
    const page = await other.newPage();
    await page.goto(device.verification_uri_complete);
    expect(page.url()).toMatch(/\/auth\/sign-in\?return_to=/);
    const json = { user_code: device.user_code, answer: 'approve' };
    const headers = { origin: system.url };
    expect((await ask(system.url, 'POST /auth/device/answer', { json, headers })).status).toBe(401);
    await other.close();
  });

  it('codes are not guessed: after ten wrong ones none is taken', async () => {
    const guesser = await browser.newContext();
    const page = await guesser.newPage();
    await page.goto(system.url + (await invite('viewer', 'guesser')));
    await page.click('text=Sign in');
    await page.waitForSelector('text=You are signed in as guesser');
    const device = await begin();
    for (let wrong = 0; wrong < 10; wrong += 1) {
      await page.goto(`${system.url}/auth/device?user_code=BCDFGHJ${'BCDFGHJKLM'[wrong]}`);
      expect(await page.textContent('main')).toContain('user_code_unknown');
    }
    await page.goto(device.verification_uri_complete);
    expect(await page.textContent('main')).toContain('too_many_codes');
    await guesser.close();
  });
});
