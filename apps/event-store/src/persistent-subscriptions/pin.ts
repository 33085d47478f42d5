/** What the pinned strategies go by: the stream an event was first written to, or its correlation id. */
import type { ResolvedEvent } from '../store/links.js';
import type { StrategyName } from './consumer-strategy.js';

/** The key of an event under a strategy; empty, and `resolve` is not called, where the strategy asks for none. */
export function pinOf(strategy: StrategyName, resolve: () => ResolvedEvent): string {
  switch (strategy) {
    case 'DispatchToSingle':
    case 'RoundRobin':
      return '';
    case 'Pinned':
      return sourceStream(resolve());
    case 'PinnedByCorrelation': {
      const resolved = resolve();
      return correlationId(resolved) ?? sourceStream(resolved);
    }
  }
}

function sourceStream({ event, link }: ResolvedEvent): string {
  const shown = event ?? link;
  if (shown?.type !== '$>') return shown?.stream ?? '';
  const text = Buffer.from(shown.data).toString();
  return text.slice(text.indexOf('@') + 1);
}

function correlationId({ event, link }: ResolvedEvent): string | undefined {
  try {
    const text = Buffer.from((event ?? link)?.customMetadata ?? '').toString();
    const { $correlationId } = JSON.parse(text) as { $correlationId?: unknown };
    return typeof $correlationId === 'string' ? $correlationId : undefined;
  } catch {
    return undefined;
  }
}
