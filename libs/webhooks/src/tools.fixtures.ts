import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tool } from '@hybrid/contracts';
import { readTool } from './read-tool.js';
import type { ToolConfig } from './tool-config.js';

const folder = join(import.meta.dirname, '../../../config/webhooks/tools');

export function toolText(tool: Tool): string {
  return readFileSync(join(folder, `${tool}.yaml`), 'utf8');
}

const shipped = new Map<Tool, ToolConfig>();

/** As they come with a relay. */
export function shippedTool(tool: Tool): ToolConfig {
  const known = shipped.get(tool) ?? toolFrom(toolText(tool));
  shipped.set(tool, known);
  return known;
}

export function toolFrom(text: string, environment?: string): ToolConfig {
  const { tool, errors } = readTool(text, environment);
  if (!tool) throw new Error(JSON.stringify(errors));
  return tool;
}
