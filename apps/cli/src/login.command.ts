/** Sign-in of a terminal: it shows a code, and a browser anywhere says yes to it (RFC 8628). */
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { DeviceAuthorization } from './api.js';
import type { CommandContext } from './context.js';
import { removeToken, savedToken, saveToken } from './credentials.js';
import { CommandError, RefusedError, UnreachableError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { terminalText } from './text/terminal-text.js';

/** What is added to the pause whenever the server asks for it. */
const SLOWER_SECONDS = 5;

export async function login({ api, out }: CommandContext, options: { open?: boolean }): Promise<void> {
  const device = await api.beginDeviceLogin();
  const address = terminalText(device.verification_uri_complete, false);
  out.note(`open ${address}`);
  out.note(`and say yes to the code ${terminalText(device.user_code, false)}`);
  if (options.open) openBrowser(device.verification_uri_complete);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const token = await answered(api, device, interrupted.signal);
    saveToken(api.url, token, process.env);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    throw new CommandError('interrupted: nobody is signed in', EXIT.interrupted, { cause: error });
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
  if (out.format === 'json') out.json({ url: api.url });
  else out.line(`signed in at ${api.url}`);
}

export async function logout({ api, out }: CommandContext): Promise<void> {
  const token = savedToken(api.url, process.env);
  if (token !== undefined) {
    await api.logout(token);
    removeToken(api.url, process.env);
  }
  if (out.format === 'json') out.json({ url: api.url });
  else out.line(token === undefined ? `nobody was signed in at ${api.url}` : `signed out at ${api.url}`);
}

export async function whoami({ api, out }: CommandContext): Promise<void> {
  const me = await api.whoami();
  if (out.format === 'json') {
    out.json(me);
    return;
  }
  const roles = me.roles.map(({ role, pool, pipeline, environment }) => {
    const place = [pool, pipeline, environment].find((one) => one !== undefined);
    return place === undefined ? role : `${role} of ${terminalText(place, false)}`;
  });
  const everything = me.kind === 'installation';
  out.line(
    `${me.kind} ${terminalText(me.id, false)} in ${me.organisation}: ${everything ? 'everything' : roles.join(', ') || 'no role'}`,
  );
}

/** Asks until somebody has said yes. @throws RefusedError when they said no, or nobody said anything in time. */
async function answered(
  api: CommandContext['api'],
  { device_code, expires_in, interval }: DeviceAuthorization,
  signal: AbortSignal,
): Promise<string> {
  const deadline = performance.now() + expires_in * 1000;
  let seconds = interval;
  for (;;) {
    await pause(seconds * 1000, undefined, { signal });
    try {
      return (await api.deviceToken(device_code)).access_token;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      if (error instanceof RefusedError && error.code === 'slow_down') seconds += SLOWER_SECONDS;
      else if (!(error instanceof UnreachableError) && !isPending(error)) throw error;
    }
  }
}

function isPending(error: unknown): boolean {
  return error instanceof RefusedError && error.code === 'authorization_pending';
}

/** Whether that works or not: the address stands in the terminal. */
function openBrowser(address: string): void {
  if (!/^https?:\/\//.test(address)) return;
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  spawn(program, [address], { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}
