/** Real git on the other end: over HTTP with a password, by git's own http-backend; over ssh, by ssh2 and git-upload-pack. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';

/** Folder of repositories, and of whatever else a spec needs. */
export class GitHome {
  private constructor(readonly path: string) {}

  static async open(): Promise<GitHome> {
    return new GitHome(await mkdtemp(join(tmpdir(), 'hybrid-git-')));
  }

  async close(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  git(cwd: string, ...args: string[]): string {
    const who = ['-c', 'user.name=T', '-c', 'user.email=t@example.com', '-c', 'protocol.file.allow=always'];
    return execFileSync('git', [...who, ...args], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim();
  }

  /** A repository `repos/<name>.git` with a commit for each set of files; answers the commits, oldest first. */
  async repository(
    name: string,
    ...commits: Record<string, string>[]
  ): Promise<{ path: string; commits: string[] }> {
    const path = join(this.path, 'repos', `${name}.git`);
    await mkdir(path, { recursive: true });
    this.git(path, 'init', '--quiet', '--initial-branch=main');
    return { path, commits: await this.commit(path, ...commits) };
  }

  async commit(path: string, ...commits: Record<string, string>[]): Promise<string[]> {
    const made: string[] = [];
    for (const files of commits) {
      for (const [file, text] of Object.entries(files)) {
        await mkdir(join(path, file, '..'), { recursive: true });
        await writeFile(join(path, file), text);
      }
      this.git(path, 'add', '--all');
      this.git(path, 'commit', '--quiet', '--allow-empty', '--message', `commit ${made.length}`);
      made.push(this.git(path, 'rev-parse', 'HEAD'));
    }
    return made;
  }

  /** Empty folders for a checkout. */
  async folders(): Promise<{ workspace: string; scratch: string }> {
    const job = await mkdtemp(join(this.path, 'job-'));
    const [workspace, scratch] = [join(job, 'workspace'), join(job, 'scratch')];
    await mkdir(workspace);
    await mkdir(scratch);
    return { workspace, scratch };
  }
}

export class GitHttpServer {
  /** Requests that came with a password, and those without. */
  readonly requests: { path: string; authorization?: string }[] = [];
  /** Of Git LFS, by their SHA-256. */
  readonly objects = new Map<string, Buffer>();
  /** Requests are taken and never answered. */
  silent = false;
  readonly #server: Server;

  constructor(
    private readonly root: string,
    /** `user:password`; open to all where it is left out. */
    private readonly login?: string,
  ) {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** Its origin. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Packs that were fetched. */
  get fetches(): number {
    return this.requests.filter(({ path }) => path.endsWith('/git-upload-pack')).length;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, search } = new URL(request.url ?? '', 'http://git');
    const { authorization } = request.headers;
    this.requests.push({ path: pathname, authorization });
    if (this.silent) return;
    const wanted = this.login && `Basic ${Buffer.from(this.login).toString('base64')}`;
    if (wanted && authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' });
      return void response.end();
    }
    if (pathname.includes('/info/lfs/')) return void this.#answerLfs(request, response, pathname);
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: this.root,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'],
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
        GIT_PROTOCOL: request.headers['git-protocol'] as string | undefined,
      },
    });
    request.pipe(backend.stdin).on('error', () => undefined);
    const pieces: Buffer[] = [];
    backend.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    backend.on('close', () => {
      const all = Buffer.concat(pieces);
      const end = all.indexOf('\r\n\r\n');
      const headers = all.subarray(0, end).toString().split('\r\n');
      let status = 200;
      for (const header of headers) {
        const [name = '', value = ''] = header.split(/:\s*/, 2);
        if (name === 'Status') status = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.writeHead(status);
      response.end(all.subarray(end + 4));
    });
  }

  /** The batch API and basic transfers, downloads only. */
  async #answerLfs(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const object = this.objects.get(path.split('/').at(-1) ?? '');
    if (object) return void response.end(object);
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const wanted = JSON.parse(Buffer.concat(pieces).toString()) as {
      objects: { oid: string; size: number }[];
    };
    const base = `http://${request.headers.host}${path.replace('/batch', '')}`;
    const objects = wanted.objects.map((one) => ({
      ...one,
      authenticated: false,
      ...(this.objects.has(one.oid)
        ? { actions: { download: { href: `${base}/${one.oid}` } } }
        : { error: { code: 404, message: 'Object does not exist' } }),
    }));
    response.setHeader('content-type', 'application/vnd.git-lfs+json');
    response.end(JSON.stringify({ transfer: 'basic', objects }));
  }
}

export class GitSshServer {
  readonly #server: ssh2.Server;
  readonly #host = sshKey();
  readonly #client = sshKey();
  connections = 0;

  constructor(root: string) {
    this.#server = new ssh2.Server({ hostKeys: [this.#host.private] }, (connection) => {
      this.connections++;
      connection.on('error', () => undefined);
      connection.on('authentication', (attempt) => {
        const known = ssh2.utils.parseKey(this.#client.public) as ssh2.ParsedKey;
        if (attempt.method !== 'publickey' || !attempt.key.data.equals(known.getPublicSSH()))
          return attempt.reject(['publickey']);
        if (attempt.signature && !known.verify(attempt.blob!, attempt.signature, attempt.hashAlgo))
          return attempt.reject();
        attempt.accept();
      });
      connection.on('session', (accept) => {
        const session = accept();
        session.on('env', (yes) => yes?.());
        session.on('exec', (take, reject, { command }) => {
          const [, path] = /^git-upload-pack '\/([\w./-]+)'$/.exec(command) ?? [];
          if (path === undefined) return reject();
          const channel = take();
          const child = spawn('git', ['-c', 'safe.directory=*', 'upload-pack', join(root, path)]);
          channel.pipe(child.stdin).on('error', () => undefined);
          child.stdout.pipe(channel, { end: false });
          child.stderr.pipe(channel.stderr, { end: false });
          child.on('close', (code) => {
            channel.exit(code ?? 1);
            channel.end();
          });
        });
      });
    });
  }

  /** Its host and port. */
  async start(): Promise<{ port: number; address: string }> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo;
    return { port, address: `ssh://git@127.0.0.1:${port}` };
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Of the one who may come in. */
  get clientKey(): string {
    return this.#client.private;
  }

  knownHost(port: number): string {
    return `[127.0.0.1]:${port} ${this.#host.public.trim()}\n`;
  }
}

/** Made by ssh's own program: of those that ssh2 makes, ssh cannot read some. */
function sshKey(): { private: string; public: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hybrid-ssh-'));
  try {
    const file = join(folder, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
    return { private: readFileSync(file, 'utf8'), public: readFileSync(`${file}.pub`, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
