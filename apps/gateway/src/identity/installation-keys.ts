/**
 * The installation's own keys, from which others are derived instead of being stored: each agent's signing key, and
 * tokens that must come out the same when a request comes twice. A file of lines `<key id>:<32 bytes as base64url>`,
 * the same for every gateway. The first key is used for what is new; the others are there for what was made with them.
 */
import { hkdfSync, randomBytes } from 'node:crypto';

const LINE = /^([a-z0-9]{1,16}):([A-Za-z0-9_-]{43})$/;

export class InstallationKeys {
  private constructor(
    /** Id of the key for what is new. */
    readonly current: string,
    private readonly keys: Map<string, Buffer>,
  ) {}

  /** @throws Error that says which line is wrong, never what stands there. */
  static parse(text: string): InstallationKeys {
    const keys = new Map<string, Buffer>();
    const lines = text.split('\n').map((line) => line.trim());
    for (const [index, line] of lines.entries()) {
      if (!line || line.startsWith('#')) continue;
      const [, id, key] = LINE.exec(line) ?? [];
      if (!id || !key) throw new Error(`line ${index + 1} is not "<key id>:<32 bytes as base64url>"`);
      if (keys.has(id)) throw new Error(`line ${index + 1} has the key id of a line before it`);
      keys.set(id, Buffer.from(key, 'base64url'));
    }
    const [current] = keys.keys();
    if (!current) throw new Error('it holds no key');
    return new InstallationKeys(current, keys);
  }

  /** The text of a new file. */
  static generate(): string {
    return `k1:${randomBytes(32).toString('base64url')}\n`;
  }

  has(id: string): boolean {
    return this.keys.has(id);
  }

  /**
   * 32 bytes for one purpose (HKDF-SHA256, RFC 5869); nobody learns anything of the key or of other purposes from them.
   * @throws Error for a key that is not in the file any more.
   */
  derive(id: string, purpose: string): Buffer {
    const key = this.keys.get(id);
    if (!key) throw new Error(`the installation's key ${id} is gone`);
    return Buffer.from(hkdfSync('sha256', key, '', purpose, 32));
  }
}
