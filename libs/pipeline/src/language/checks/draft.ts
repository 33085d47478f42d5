import type { Definition } from '../definition.js';
import type { SourceDocument } from '../document.js';
import type { StepGraph } from '../graph.js';

/** A definition under examination: what the checks of meaning look at, and where they report. */
export interface Draft {
  definition: Definition;
  document: SourceDocument;
  graph: StepGraph;
  /** Names of the steps that came for a step with `uses: ./path`, by its name. */
  templates: ReadonlyMap<string, string[]>;
  /** Whether the value at this JSON pointer, with all in it, has the right shape. */
  sound(pointer: string): boolean;
  /** Notes an error at the value with this JSON pointer. */
  report(pointer: string, message: string): void;
}
