/** Which runs a filter means. Pure. */
import type { Run } from "../live/store";
import { cellOf } from "../live/store";
import { ownOf } from "../text/own";
import { type Cell, RETRYING, RUNNING, UNKNOWN, WAITING } from "./slots";

export interface MapFilter {
  readonly namespace: string;
  readonly status: string;
  readonly executor: string;
  readonly trigger: string;
  readonly plan: string;
  readonly text: string;
}

export const STATUSES: Readonly<Record<string, Cell>> = {
  waiting: WAITING,
  running: RUNNING,
  retrying: RETRYING,
  unknown: UNKNOWN,
};

export function filterOf(query: URLSearchParams): MapFilter {
  const get = (name: string) => query.get(name) ?? "";
  return { namespace: get("namespace"), status: get("status"), executor: get("executor"), trigger: get("trigger"), plan: get("plan"), text: get("q") };
}

/** Whether a run matches; undefined when there is nothing to match. The namespace chooses maps, not runs. */
export function matcher(filter: MapFilter): ((run: Run) => boolean) | undefined {
  const { status, executor, trigger, plan } = filter;
  const text = filter.text.trim().toLowerCase();
  if (!status && !executor && !trigger && !plan && !text) return undefined;
  const cell = ownOf(STATUSES, status);
  return (run) =>
    (!status || cellOf(run) === cell) &&
    (!executor || run.executor === executor) &&
    (!trigger || run.trigger === trigger) &&
    (!plan || run.plan === plan) &&
    (!text || run.plan.toLowerCase().includes(text) || run.name.toLowerCase().includes(text) || run.id.toLowerCase().includes(text));
}
