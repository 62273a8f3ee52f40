/** Runs as bars in lanes: what overlaps in a lane lies in rows below each other. Pure; milliseconds since 1970. */
import type { TimelineBar } from "../api/types";
import type { Run } from "../live/store";

export interface Bar {
  readonly id: string;
  readonly namespace: string;
  readonly plan: string;
  readonly node: string;
  readonly status: string;
  readonly reason: string;
  readonly due: number;
  readonly created: number;
  /** Absent: it has not begun. */
  readonly started: number | undefined;
  /** Absent: it goes on. */
  readonly finished: number | undefined;
}

export type By = "plan" | "node";

export interface Lane {
  readonly key: string;
  /** Of the rows before it. */
  readonly top: number;
  readonly rows: readonly (readonly Bar[])[];
}

const at = (time: string | undefined) => (time ? Date.parse(time) : undefined);

export function barOf(told: TimelineBar): Bar {
  const created = at(told.created) ?? 0;
  return {
    id: told.id ?? "",
    namespace: told.namespace ?? "",
    plan: told.plan_id ?? "",
    node: told.node_id ?? "",
    status: told.status ?? "",
    reason: told.reason ?? "",
    due: at(told.due) ?? created,
    created,
    started: at(told.started),
    finished: at(told.finished),
  };
}

export function barOfRun(run: Run): Bar {
  const created = Date.parse(run.created);
  return {
    id: run.id,
    namespace: run.namespace,
    plan: run.plan,
    node: run.node,
    status: run.status,
    reason: run.reason,
    due: at(run.due) ?? created,
    created,
    started: at(run.started),
    finished: at(run.finished),
  };
}

/** When it was to be seen first and last; `now`: what goes on reaches to there. */
export function extent(bar: Bar, now: number): { first: number; last: number } {
  const first = Math.min(bar.due, bar.started ?? bar.created);
  return { first, last: Math.max(first, bar.finished ?? now) };
}

/** From due to begun, or to now; 0: it was in time. */
export function lateness(bar: Bar, now: number): number {
  return Math.max(0, (bar.started ?? bar.finished ?? now) - bar.due);
}

/** Lanes by name; as many rows as there were runs at once, so that bars of one row do not overlap. */
export function lanes(bars: Iterable<Bar>, by: By, now: number): Lane[] {
  const found = new Map<string, Bar[]>();
  for (const bar of bars) {
    const key = by === "node" ? bar.node : `${bar.namespace}/${bar.plan}`;
    if (!key) continue;
    const lane = found.get(key);
    if (lane) lane.push(bar);
    else found.set(key, [bar]);
  }
  let top = 0;
  return [...found.keys()].sort().map((key) => {
    const rows = packed(found.get(key) ?? [], now);
    const lane = { key, top, rows };
    top += rows.length;
    return lane;
  });
}

function packed(bars: Bar[], now: number): Bar[][] {
  const ordered = bars.map((bar) => ({ bar, ...extent(bar, now) })).sort((one, other) => one.first - other.first || (one.bar.id < other.bar.id ? -1 : 1));
  const rows: Bar[][] = [];
  const ends: number[] = [];
  for (const { bar, first, last } of ordered) {
    let row = ends.findIndex((end) => end <= first);
    if (row < 0) row = rows.push([]) - 1;
    rows[row]?.push(bar);
    ends[row] = last;
  }
  return rows;
}
