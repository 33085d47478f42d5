/** What lets an agent in without a secret: the token by which its platform vouches for it, exchanged at the gateway. */
import type { ExchangedToken, ExchangeToken, TOKEN_TYPES } from '@hybrid/contracts';
import { type Masker } from '@hybrid/steps';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { GatewayRefusal, type GatewayClient } from './gateway-client.js';
import { RegistrationError } from './registration.js';

/** Milliseconds. */
const COMMAND_MS = 10_000;
/** Characters; the contract's limit. */
const TOKEN_MAX = 16_000;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export interface WorkloadIdentityOptions {
  gateway: GatewayClient;
  masker: Masker;
  /** A file that the platform renews, or a command that answers the token: a program and its arguments, no shell. */
  source: { file: string } | { command: string };
  organisation?: string;
}

export class WorkloadIdentity {
  constructor(private readonly options: WorkloadIdentityOptions) {}

  /** A token to register in the pool with, for minutes. Throws RegistrationError, GatewayAway or the signal's reason. */
  async joiningToken(pool: string, signal: AbortSignal): Promise<string> {
    const { gateway, masker, organisation } = this.options;
    const subject_token = await this.#platformToken();
    // Without its last part, the signature, it is worth nothing.
    masker.renew(subject_token.slice(subject_token.lastIndexOf('.') + 1));
    const json: ExchangeToken = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' satisfies typeof TOKEN_TYPES.jwt,
      organisation,
      pool,
    };
    try {
      const path = '/api/agents/token';
      return (await gateway.call<ExchangedToken>({ method: 'POST', path, json, bearer: null, signal }))
        .access_token;
    } catch (cause) {
      if (!(cause instanceof GatewayRefusal)) throw cause;
      throw new RegistrationError(
        `the gateway does not take ${this.#name} for pool ${pool} of organisation ${organisation ?? 'default'} (${cause.code}: ${cause.detail}): compare --pool and --organisation, and the issuer, audience and subject of the token, with the trust rule`,
        { cause },
      );
    }
  }

  get #name(): string {
    const { source } = this.options;
    return 'file' in source
      ? `the workload token in ${source.file}`
      : `the workload token of the command ${programOf(source.command)}`;
  }

  /** Read anew each time: the platform renews it. */
  async #platformToken(): Promise<string> {
    const { source } = this.options;
    let token: string;
    try {
      token = (
        'file' in source ? await readFile(source.file, 'utf8') : await outputOf(source.command)
      ).trim();
    } catch (cause) {
      throw new RegistrationError(`${this.#name} cannot be had: ${(cause as Error).message}`, { cause });
    }
    if (JWT.test(token) && token.length <= TOKEN_MAX) return token;
    throw new RegistrationError(
      `${this.#name} is none: it must be one JWT of at most ${TOKEN_MAX} characters, and nothing else`,
    );
  }
}

/** What it writes to stderr is told, the end of it; what it writes to stdout is a secret. */
function outputOf(command: string): Promise<string> {
  const [program = '', ...args] = command.split(/\s+/);
  const limits = { timeout: COMMAND_MS, killSignal: 'SIGKILL', maxBuffer: 4 * TOKEN_MAX } as const;
  return new Promise((resolve, reject) => {
    execFile(program, args, limits, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const late = error.killed && error.signal === limits.killSignal;
      const why = late ? `it takes longer than ${COMMAND_MS / 1000} s` : `it ended with ${error.code}`;
      const said = stderr.trim().split('\n').at(-1)?.slice(0, 200);
      reject(new Error(said ? `${why}: ${said}` : why));
    });
  });
}

/** Arguments may be secrets. */
function programOf(command: string): string {
  return command.split(/\s+/)[0] ?? '';
}
