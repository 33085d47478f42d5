export {
  boundedCel,
  checkCall,
  childrenOf,
  ConditionError,
  explained,
  unknownVariable,
  withIntegers,
} from './language/cel.js';
export { pipelineSchema } from './language/definition.schema.js';
export type { Definition } from './language/definition.js';
export { child, pathOf, readDocument, type SourceDocument } from './language/document.js';
export { presentable } from './language/examine.js';
export { expand } from './language/expand.js';
export { graphDot, graphMermaid, graphText, type StatusOf } from './language/graph-drawing.js';
export { inputsOfTexts } from './language/inputs.js';
export { didYouMean } from './language/nearest.js';
export { readPipeline } from './language/read-pipeline.js';
export { flag, record, text, texts, words, type JsonSchema } from './language/schema/parts.js';
export { shapeCheck } from './language/shape.js';
export { stepTypes } from './language/step-types.js';
export { runDeadline } from './runs/run.deadline.js';
export { namedFiles } from './language/uses/named-files.js';
export { runDecider, type RunCommand, type StartRun as StartRunCommand } from './runs/run.decider.js';
export { proofOf, provenJob, type ProofEvent, type ProvenJob } from './runs/run.proof.js';
export { runEvents, type RunEvent, type StepQueued } from './runs/run.events.js';
export { retryOf, takenOver } from './runs/run.retry.js';
export { hasEnded, RUN_FOLD, type Run, type RunState } from './runs/run.state.js';
export { findStepView, messageViewOf, viewOf } from './runs/run.view.js';
export { listedTriggers } from './triggers/listed-triggers.js';
export { matches, mostSteps, type Work } from './triggers/pattern.js';
export { namesOfRepository, ofOtherHost } from './triggers/repository-host.js';
export { latestDue, nextDue } from './triggers/schedule.js';
export { triggeredBy } from './triggers/triggered-by.js';
