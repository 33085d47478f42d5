/** What has to be undone at the end, last thing first: at the end of the bench, on failure and on Ctrl-C. */
export class Cleanup {
  private readonly steps: (() => Promise<unknown>)[] = [];
  private running: Promise<void> | undefined;

  add(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  /** Undoes everything, once; what fails of it is told and keeps nothing else from being undone. */
  run(): Promise<void> {
    this.running ??= this.undo();
    return this.running;
  }

  private async undo(): Promise<void> {
    for (let step = this.steps.pop(); step; step = this.steps.pop())
      await step().catch((error: unknown) => console.error('clean-up:', error));
  }
}
