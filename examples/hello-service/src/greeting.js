export const NAME_MAX = 50;

/** The greeting for a name. Throws RangeError when the name is too long to be one. */
export function greet(name, word = 'Hello') {
  const trimmed = name.trim();
  if (trimmed.length > NAME_MAX) throw new RangeError(`a name has at most ${NAME_MAX} characters`);
  return `${word}, ${trimmed || 'world'}!`;
}
