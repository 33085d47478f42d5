import type { Draft } from './draft.js';
import { didYouMean } from '../nearest.js';

/** Names of steps are unique, `needs` names steps, and nothing needs itself by any way. */
export function checkGraph({ definition, graph, report }: Draft): void {
  const names = [...graph.indexOf.keys()].filter((name) => name !== '');
  definition.steps.forEach(({ name, needs }, index) => {
    if (name !== '' && graph.indexOf.get(name) !== index) {
      report(`/steps/${index}/name`, `another step is called \`${name}\`; names of steps are unique`);
    }
    needs.forEach((need, at) => {
      const pointer = `/steps/${index}/needs/${at}`;
      if (!graph.indexOf.has(need))
        report(pointer, `there is no step \`${need.slice(0, 60)}\`${didYouMean(need, names)}`);
      else if (needs.indexOf(need) !== at) report(pointer, `\`${need}\` is there twice`);
    });
  });
  for (const cycle of graph.cycles) {
    report(
      `/steps/${graph.indexOf.get(cycle[0]!)!}/needs`,
      `steps need each other in a circle: ${cycle.join(' → ')}`,
    );
  }
}
