/** Pushes as GitHub sends them, each of another commit. */
import { createHmac, randomBytes } from 'node:crypto';
import { Pool } from 'undici';

export const WEBHOOK_SECRET = 'webhook-secret-0123456789';
/** Of a push: GitHub's have 7 to 10 kB for one commit. */
const FILLER = 'x'.repeat(7_000);

export class Host {
  readonly #pool: Pool;
  readonly #path: string;

  constructor(url: string, connections: number) {
    const { origin, pathname } = new URL(url);
    this.#pool = new Pool(origin, { connections, pipelining: 1 });
    this.#path = pathname;
  }

  /** Resolves with the text of the answer once it is accepted. @throws Error otherwise. */
  async push(): Promise<string> {
    const body = pushOf(randomBytes(20).toString('hex'));
    const response = await this.#pool.request({
      method: 'POST',
      path: this.#path,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/044aadd',
        'x-github-event': 'push',
        'x-github-delivery': crypto.randomUUID(),
        'x-hub-signature-256': `sha256=${createHmac('sha256', WEBHOOK_SECRET).update(body).digest('hex')}`,
      },
      body,
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`a webhook is answered ${response.statusCode}: ${text}`);
    return text;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

function pushOf(commit: string): string {
  const change = { id: commit, message: FILLER, added: ['src/a.ts'], modified: ['README.md'], removed: [] };
  return JSON.stringify({
    ref: 'refs/heads/main',
    before: '0'.repeat(40),
    after: commit,
    deleted: false,
    repository: { full_name: 'acme/web', clone_url: 'https://github.com/acme/web.git', private: true },
    sender: { login: 'octocat' },
    commits: [change],
    head_commit: change,
  });
}
