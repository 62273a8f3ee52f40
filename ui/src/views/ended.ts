/** The statuses of a run that never change any more. */
export const ENDED: ReadonlySet<string> = new Set(["complete", "failed", "cancelled", "expired", "skipped"]);
