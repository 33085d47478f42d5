/** The file that HYBRID_OUTPUT names: lines key=value, or key<<END … END for values of several lines, become the step's outputs. */
import { StepProblem } from '../step.js';

const OUTPUTS_MAX = 100;
const VALUE_MAX = 8000;
/** Keys and values together, in bytes: half of what the control plane takes, as masking can make texts longer. */
const TOTAL_MAX = 100_000;
const KEY = /^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/;

/** Outputs by key; a later one wins. Throws StepProblem naming the line that is wrong, not its content. */
export function parseOutputs(text: string): Record<string, string> {
  const outputs = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  let total = 0;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!;
    if (line.trim() === '') continue;
    const where = `line ${index + 1} of $HYBRID_OUTPUT`;
    const [, before, sign, after = ''] = /^([^=]*?)(=|<<)(.*)$/.exec(line) ?? [];
    if (before === undefined)
      throw new StepProblem(`${where} is not key=value: write echo "key=value" >> "$HYBRID_OUTPUT"`);
    const key = before.trim();
    if (!KEY.test(key)) {
      throw new StepProblem(
        `${where} has a key that is not a letter followed by letters, digits, ".", "_" or "-" (100 at most)`,
      );
    }
    let value = after;
    if (sign === '<<') {
      const end = after.trim() === '' ? -1 : lines.indexOf(after.trim(), index + 1);
      if (end < 0) throw new StepProblem(`${where} (${key}) begins a value of several lines that has no end`);
      value = lines.slice(index + 1, end).join('\n');
      index = end;
    }
    if (value.length > VALUE_MAX) {
      throw new StepProblem(
        `${where} (${key}) is longer than ${VALUE_MAX} characters: store it as an artifact instead`,
      );
    }
    total += key.length + Buffer.byteLength(value);
    if (total > TOTAL_MAX)
      throw new StepProblem(
        `${where} (${key}) brings the outputs over ${TOTAL_MAX} bytes: store them as an artifact instead`,
      );
    outputs.set(key, value);
    if (outputs.size > OUTPUTS_MAX)
      throw new StepProblem(`${where} is output number ${OUTPUTS_MAX + 1}: at most ${OUTPUTS_MAX} are kept`);
  }
  return Object.fromEntries(outputs);
}
