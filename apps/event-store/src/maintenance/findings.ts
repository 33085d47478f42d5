/** What a check found to be bad: all of it counted, the first places named. */
const NAMED = 20;

export class Findings {
  readonly named: string[] = [];
  count = 0;

  /** Adds one, unless the same has been named. */
  add(finding: string): void {
    // Damaged names hold anything, also what a terminal obeys.
    const text = finding.replace(/\p{Cc}/gu, '?');
    if (this.named.includes(text)) return;
    if (this.named.length < NAMED) this.named.push(text);
    this.count++;
  }
}
