/** `hybrid doctor`: what of an installation is unsafe, as its servers see it and as only this side can. */
import { statSync } from 'node:fs';
import type { DoctorReport, Finding } from '@hybrid/contracts';
import type { Connection } from './connection.js';
import type { CommandContext } from './context.js';
import { EXIT } from './exit-codes.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

/** Signatures of agents are refused past five minutes; a clock that is right is right to the second. */
const CLOCK_MS = 60_000;

/** Ends with 1 where there is anything to mend, else with 3 where a service does not answer. */
export async function doctor({ api, out, connection }: CommandContext, version: string): Promise<void> {
  const own = ofConnection(connection);
  // The server may refuse to say anything; what is seen from here is worth telling all the same.
  const { report, date } = await api.doctor().catch((error: unknown) => {
    for (const { setting, finding, remedy } of own) out.note(`${setting}: ${finding}; ${remedy}`);
    throw error;
  });
  const client = [...own, ...ofClock(date, Date.now()), ...ofVersions(report, version)];
  const found = [
    ...client.map((finding) => ({ where: 'here', ...finding })),
    ...report.findings.map((finding) => ({ where: 'gateway', ...finding })),
    ...report.services.flatMap(({ service, findings }) =>
      findings.map((finding) => ({ where: service, ...finding })),
    ),
  ];
  const sick = report.services.filter(({ status }) => status !== 'healthy');
  if (found.length > 0) process.exitCode = EXIT.failed;
  else if (sick.length > 0) process.exitCode = EXIT.notReachedOrAllowed;
  if (out.format === 'json') return out.json({ ...report, client });
  const clean = (text: string) => terminalText(text, false);
  if (found.length > 0)
    out.line(
      table(
        ['WHERE', 'SETTING', 'FINDING', 'REMEDY'],
        found.map(({ where, setting, finding, remedy }) => [where, setting, finding, remedy].map(clean)),
      ),
    );
  for (const { service, status, dependencies } of sick) {
    const down = Object.keys(dependencies).filter((name) => dependencies[name] === 'down');
    out.note(clean(`${service}: ${status}${down.length > 0 ? `, without ${down.join(', ')}` : ''}`));
  }
  if (found.length === 0 && sick.length === 0) out.line(clean(`nothing found; version ${report.version}`));
}

function ofConnection({ url, tokenFile }: Connection): Finding[] {
  const { protocol, hostname } = new URL(url);
  const all: Finding[] = [];
  if (protocol === 'http:' && !/^(localhost|\[::1\]|127(\.\d+){3})$/.test(hostname))
    all.push({
      setting: 'HYBRID_URL',
      finding: `the token goes to ${hostname} over plain http: whoever is on the way reads it`,
      remedy: 'reach it by https',
    });
  if (tokenFile !== undefined && othersMayRead(tokenFile))
    all.push({
      setting: 'HYBRID_TOKEN_FILE',
      finding: `others may read ${tokenFile}`,
      remedy: `chmod 600 ${tokenFile}`,
    });
  return all;
}

function othersMayRead(file: string): boolean {
  try {
    // Windows has no such permissions, and says that everybody may.
    return process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0;
  } catch {
    return false;
  }
}

function ofClock(date: string | null, now: number): Finding[] {
  const apart = Math.abs(now - Date.parse(date ?? ''));
  if (!(apart > CLOCK_MS)) return [];
  return [
    {
      setting: 'clock',
      finding: `this machine and the server are ${Math.round(apart / 1000)} s apart`,
      remedy: 'let NTP set both: what is signed or expires goes by the time',
    },
  ];
}

function ofVersions({ version: server, services }: DoctorReport, version: string): Finding[] {
  const differ = (who: string, other: string): Finding => ({
    setting: 'version',
    finding: `${who} is version ${other}, the gateway ${server}`,
    remedy: 'install the same version everywhere',
  });
  return [
    ...(version === server ? [] : [differ('this command line', version)]),
    ...services.flatMap((one) =>
      one.version === null || one.version === server ? [] : [differ(one.service, one.version)],
    ),
  ];
}
