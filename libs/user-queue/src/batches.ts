/** Splits what is to be sent so that each part is within what one request may hold; a body above it goes alone. */
export function* batches(
  bodies: readonly string[],
  limits: { count: number; bytes: number },
): Generator<string[]> {
  let part: string[] = [];
  let bytes = 0;
  for (const body of bodies) {
    const size = Buffer.byteLength(body);
    if (part.length === limits.count || (part.length > 0 && bytes + size > limits.bytes)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(body);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

/** For services that take one at a time: up to `most` at once. */
export async function eachAtOnce<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < items.length; from += most)
    await Promise.all(items.slice(from, from + most).map(work));
}
