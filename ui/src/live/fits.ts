/** Which runs a question to the server means, told of what the stream brings. Pure. */
import type { Run } from "./store";

export interface Asked {
  readonly namespace: string;
  readonly plan_id: string;
  readonly node_id: string;
  /** Several with commas between. */
  readonly status: string;
  readonly text: string;
}

/** Whether a run is meant, but for its times. */
export function fitter(asked: Asked): (run: Run) => boolean {
  const text = asked.text.toLowerCase();
  const statuses = asked.status && asked.status.split(",");
  return (run) =>
    (!asked.namespace || run.namespace === asked.namespace) &&
    (!asked.plan_id || run.plan === asked.plan_id) &&
    (!asked.node_id || run.node === asked.node_id) &&
    (!statuses || statuses.includes(run.status)) &&
    (!text || run.plan.toLowerCase().includes(text) || run.name.toLowerCase().includes(text));
}
