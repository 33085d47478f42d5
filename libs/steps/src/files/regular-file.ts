/** Files that a step left on this machine: it may have put anything in their places. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Not a link, which could lead anywhere, and not a pipe, which would be waited for. Throws an Error that says so. */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new Error('it is not a file');
}

/** At most so many bytes from its beginning, or of its end. */
export async function readPart(path: string, max: number, part: 'beginning' | 'end'): Promise<string> {
  const handle = await openRegularFile(path);
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.min(size, max));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, part === 'end' ? size - bytes.length : 0);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
