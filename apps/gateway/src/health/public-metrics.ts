/** A sample that names an organisation: `hybrid_pool_agents{org="acme",pool="gpu",status="HEALTHY"} 2`. */
const OF_ONE_ORGANISATION = /^[a-zA-Z_:][\w:]*\{(.*,)?org="/;

/** Prometheus text without what belongs to one organisation: for readers who did not sign in. */
export function publicMetrics(text: string): string {
  return text
    .split('\n')
    .filter((line) => !OF_ONE_ORGANISATION.test(line))
    .join('\n');
}
