/** Codes that people carry from one screen to another: no vowels, so that no words come out; no digits to mistake. */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 8;

/** 20^8 codes, of which ten may be tried in ten minutes. */
export function userCodeOf(sha256: string): string {
  let rest = BigInt(`0x${sha256}`);
  let code = '';
  for (let index = 0; index < LENGTH; index += 1) {
    code += ALPHABET[Number(rest % 20n)];
    rest /= 20n;
  }
  return code;
}

/** `bcdf-ghjk`, as anybody may type it, → `BCDFGHJK`; null for what is no code. */
export function readUserCode(text: string): string | null {
  const code = text.toUpperCase().replaceAll(/[\s-]/g, '');
  return code.length === LENGTH && [...code].every((letter) => ALPHABET.includes(letter)) ? code : null;
}

export function showUserCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}
