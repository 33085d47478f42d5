/** A backup, restore or check cannot be done as asked; the message says why and what to do. */
export class MaintenanceError extends Error {
  override readonly name = 'MaintenanceError';
}
