/**
 * `bad-key`: it is no key; `other-key`: sealed for others; `damaged`: not as it was sealed; `swapped`: sealed whole, but
 * as a part of something else than was asked for.
 */
export type SealedFault = 'bad-key' | 'other-key' | 'damaged' | 'swapped';

export class SealedError extends Error {
  constructor(
    readonly fault: SealedFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SealedError';
  }
}
