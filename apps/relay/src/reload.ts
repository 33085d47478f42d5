/** Takes a changed configuration while the relay runs: all of it, or nothing of it where anything is wrong. */
import { isDeepStrictEqual } from 'node:util';
import type { Bell } from './bell.js';
import type { Configuration } from './configuration.js';
import type { Notify } from './notices.js';
import { SettingsError } from './settings-error.js';
import { setUp, type Setup } from './setup.js';

/** With another one of these it would be another relay, or at another place. */
const FIXED: Record<string, (configuration: Configuration) => unknown> = {
  name: ({ netZero }) => netZero.name,
  'relay.listen': ({ listen }) => listen,
  'relay.data': ({ data }) => data,
  'relay.control_plane.url': ({ relay }) => relay.control_plane.url,
};

export interface ReloadOptions {
  /** Rings when the configuration is to be read anew. */
  asked: Bell;
  /** Throws SettingsError. */
  read(): Promise<Configuration>;
  current(): Setup;
  /** Takes it between two requests. */
  take(next: Setup): Promise<void>;
  notify: Notify;
}

/** Until the signal aborts. What is wrong is told, and what was good before goes on. */
export async function reloadWhenAsked(options: ReloadOptions, signal: AbortSignal): Promise<void> {
  const { asked, read, current, take, notify } = options;
  for (;;) {
    await asked.wait(signal);
    if (signal.aborted) return;
    try {
      const configuration = await read();
      refuseAnother(current().configuration, configuration);
      await take(await setUp(configuration, signal));
      notify('the configuration was read anew, and holds from now on');
    } catch (error) {
      if (signal.aborted) return;
      const { message, stack } = error as Error;
      const what = error instanceof SettingsError ? message : `unexpected: ${stack ?? message}`;
      notify(`the configuration from before goes on, the new one is not taken: ${what}`);
    }
  }
}

/** Throws SettingsError. */
function refuseAnother(before: Configuration, after: Configuration): void {
  const changed = Object.keys(FIXED).filter(
    (key) => !isDeepStrictEqual(FIXED[key]!(before), FIXED[key]!(after)),
  );
  if (changed.length > 0)
    throw new SettingsError(`${changed.join(' and ')} cannot change while it runs: restart the relay`);
}
