export { pipelineSchema } from './language/definition.schema.js';
export type { Definition } from './language/definition.js';
export { expand } from './language/expand.js';
export { readPipeline } from './language/read-pipeline.js';
export { stepTypes } from './language/step-types.js';
export { runDecider, type RunCommand } from './runs/run.decider.js';
export { runEvents, type RunEvent, type StepQueued } from './runs/run.events.js';
export { RUN_FOLD, type RunState } from './runs/run.state.js';
export { viewOf } from './runs/run.view.js';
