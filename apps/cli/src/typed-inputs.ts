import type { Definition } from '@hybrid/pipeline';

/** As the pipeline declares them: the command line knows only texts. What does not fit is left for the check of the inputs. */
export function typedInputs(
  declared: Definition['inputs'],
  given: Record<string, string>,
): Record<string, unknown> {
  const typed = (name: string, text: string): unknown => {
    switch (Object.hasOwn(declared, name) ? declared[name]?.type : undefined) {
      case 'number':
        return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
      case 'boolean':
        return text === 'true' ? true : text === 'false' ? false : text;
      default:
        return text;
    }
  };
  return Object.fromEntries(Object.entries(given).map(([name, text]) => [name, typed(name, text)]));
}
