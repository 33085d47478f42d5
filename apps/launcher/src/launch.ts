/** From a command line to a running platform and back. */
import { bundleOf, type RunningProcess } from '@hybrid/servers';
import pc from 'picocolors';
import { openDataDirectory } from './data-directory.js';
import { onInterrupt } from './interrupt.js';
import { startPipeline } from './pipeline-run.js';
import { startPlatform, type Platform } from './platform.js';
import { claimPort } from './port.js';
import type { Progress } from './progress.js';
import { chooseSandbox, type Sandbox } from './sandbox.js';
import type { Settings } from './settings.js';
import { signInHelp, signInLink } from './sign-in.js';

const EXIT_INTERRUPTED = 130;

/** Resolves with the exit code when everything has stopped again. Throws LaunchError and what the servers throw. */
export async function launch(settings: Settings, progress: Progress): Promise<number> {
  const interrupted = new Promise<'interrupted'>((resolve) => {
    onInterrupt(
      () => resolve('interrupted'),
      () => process.exit(EXIT_INTERRUPTED),
    );
  });
  const interruptedCode = settings.once ? EXIT_INTERRUPTED : 0;
  const programs = { standalone: bundleOf('standalone'), agent: bundleOf('agent') };
  const port = await claimPort(settings.port);
  const data = await openDataDirectory(settings.data, settings.adminToken);
  let platform: Platform | undefined;
  let pipeline: RunningProcess<unknown> | undefined;
  try {
    progress.line(`all data is in ${data.path}`);
    const sandbox = chooseSandbox(process.env, progress.line);
    const first = await Promise.race([startPlatform(data, port, programs, progress), interrupted]);
    // What is on its way up is killed when this process exits: the servers survive that.
    if (first === 'interrupted') return interruptedCode;
    platform = first;
    const { url, failure } = platform;
    const signIn = signInHelp(url, data.adminTokenFile);
    const link = await signInLink(url, data.adminTokenFile);
    progress.line(['', pc.bold(`ready ${url}`), ...signIn, ...link, ''].join('\n'));

    const runs = runPipeline(platform, sandbox, (process) => (pipeline = process));
    const result = await Promise.race([runs, interrupted, failure]);
    if (result === 'interrupted') return interruptedCode;
    if (settings.once) return result ?? 0;
    progress.line(
      ['', `${outcome(result)}the platform stays up; Ctrl-C stops it`, `ready ${url}`, ...signIn].join('\n'),
    );
    await Promise.race([interrupted, failure]);
    return 0;
  } finally {
    await pipeline?.kill();
    progress.line('\nstopping');
    await progress.timed('everything', platform?.stop() ?? Promise.resolve(), 'stopped');
    data.release();
  }

  /** Answers the exit code of the pipeline, or `undefined` when none was to be run. */
  async function runPipeline(
    { url, startAgent }: Platform,
    choice: Promise<Sandbox>,
    started: (process: RunningProcess<unknown>) => void,
  ): Promise<number | undefined> {
    const executor = await startAgent(choice);
    if (executor === 'process') {
      const { note } = await choice;
      progress.note(`${note ? `${note}: s` : 'S'}teps run on this machine, without a sandbox`);
    } else {
      progress.line(
        `steps run in containers (${executor}; ${(await choice).image} unless they name an image)`,
      );
    }
    progress.line();
    const run = await startPipeline(settings.pipeline, data, url, bundleOf('cli'));
    if (!run) return undefined;
    started(run);
    const { code } = await run.exited;
    return code ?? 1;
  }
}

function outcome(code: number | undefined): string {
  if (code === undefined) return '';
  return code === 0
    ? `${pc.green('the pipeline succeeded')}; `
    : `${pc.red(`the pipeline did not succeed (exit code ${code})`)}; `;
}
