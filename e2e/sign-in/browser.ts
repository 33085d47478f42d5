/** A real browser, for what only a browser does: cookies, origins, forms, policies. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const DEBIAN = '/usr/bin/chromium';
const program = process.env['HYBRID_TEST_BROWSER'] ?? (existsSync(DEBIAN) ? DEBIAN : undefined);

/** Said by the specs that are skipped for want of it. */
export const noBrowser =
  program === undefined ? 'there is no browser: install chromium, or set HYBRID_TEST_BROWSER' : null;

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: program!, args: FLAGS, timeout: 60_000 });
}
