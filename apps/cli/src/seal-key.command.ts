/** `hybrid seal-key`: keys for which agents encrypt logs and artifacts. */
import { readFile, writeFile } from 'node:fs/promises';
import { CommandError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';

export async function createSealKey(out: Output, file: string): Promise<void> {
  const { makeSealKey } = await import('@hybrid/sealed');
  const { identity, recipient, name } = await makeSealKey();
  const text = `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n# name: ${name}\n${identity}\n`;
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx', flush: true });
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const remedy = exists ? 'it is there already: name another file' : (cause as Error).message;
    throw new CommandError(`the key cannot be written to ${file}: ${remedy}`, EXIT.failed, { cause });
  }
  tell(out, { file, recipient, name });
}

export async function showSealKey(out: Output, file: string): Promise<void> {
  const { readIdentities, recipientOf, keyName } = await import('@hybrid/sealed');
  let identities: string[];
  try {
    identities = readIdentities(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new CommandError(`${file} cannot be used: ${(cause as Error).message}`, EXIT.failed, { cause });
  }
  for (const identity of identities) {
    const recipient = await recipientOf(identity);
    tell(out, { file, recipient, name: await keyName(recipient) });
  }
}

function tell(out: Output, key: { file: string; recipient: string; name: string }): void {
  if (out.format === 'json') return out.json(key);
  out.line(key.recipient);
  out.note(
    `the key ${key.name} is in ${key.file}: keep a copy, without it nothing can be read. ` +
      `Agents take the line above as --seal-for; tell it to nobody else`,
  );
}
