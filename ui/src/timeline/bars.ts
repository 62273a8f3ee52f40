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
  /** Of its plan; empty: it has none, or that is not known. */
  readonly zone: string;
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
  /** Pixels above it, and how high each of its rows is. */
  readonly top: number;
  readonly row: number;
  readonly rows: readonly (readonly Bar[])[];
  /** How many were there at once; where that is more than there are rows, some lie upon others. */
  readonly most: number;
}

/** Pixels: of a row, of one in a crowded lane, and of the rows of a lane before they become lower. */
const ROW = 18;
const LOW = 3;
const HIGH = 8 * ROW;
const GAP = 8;
const MOST_ROWS = HIGH / LOW;

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
    zone: told.time_zone ?? "",
    due: at(told.due) ?? created,
    created,
    started: at(told.started),
    finished: at(told.finished),
  };
}

/** There may be very many live runs, looked at with each change: each is read once. */
const made = new WeakMap<Run, Bar>();

export function barOfRun(run: Run): Bar {
  const found = made.get(run);
  if (found) return found;
  const created = Date.parse(run.created);
  const bar: Bar = {
    id: run.id,
    namespace: run.namespace,
    plan: run.plan,
    node: run.node,
    status: run.status,
    reason: run.reason,
    zone: run.zone,
    due: at(run.due) ?? created,
    created,
    started: at(run.started),
    finished: at(run.finished),
  };
  made.set(run, bar);
  return bar;
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

const byName = new Intl.Collator("en", { numeric: true });

/** Lanes in the order of their names; bars of one row do not overlap. */
export function lanes(bars: Iterable<Bar>, by: By, now: number, nameOf: (key: string) => string = (key) => key): Lane[] {
  const found = new Map<string, Bar[]>();
  for (const bar of bars) {
    const key = by === "node" ? bar.node : `${bar.namespace}/${bar.plan}`;
    if (!key) continue;
    const lane = found.get(key);
    if (lane) lane.push(bar);
    else found.set(key, [bar]);
  }
  const named = [...found].map(([key, own]) => ({ key, name: nameOf(key), own }));
  named.sort((one, other) => byName.compare(one.name, other.name) || (one.key < other.key ? -1 : 1));
  let top = GAP / 2;
  return named.map(({ key, own }) => {
    const { rows, most } = packed(own, now);
    const lane = { key, top, row: Math.max(LOW, Math.min(ROW, Math.floor(HIGH / rows.length))), rows, most };
    top += laneHeight(lane) + GAP;
    return lane;
  });
}

/** Pixels; a lane has room for its name, however few rows. */
export function laneHeight({ row, rows }: Pick<Lane, "row" | "rows">): number {
  return Math.max(ROW, row * rows.length);
}

/** Of all lanes, in pixels. */
export function heightOf(all: readonly Lane[]): number {
  const last = all.at(-1);
  return last ? last.top + laneHeight(last) + GAP : 0;
}

function packed(bars: Bar[], now: number): { rows: Bar[][]; most: number } {
  const ordered = bars.map((bar) => ({ bar, ...extent(bar, now) })).sort((one, other) => one.first - other.first || (one.bar.id < other.bar.id ? -1 : 1));
  const rows: Bar[][] = [];
  const ends: number[] = [];
  for (const { bar, first, last } of ordered) {
    let row = ends.findIndex((end) => end <= first);
    if (row < 0 && rows.length < MOST_ROWS) row = rows.push([]) - 1;
    else if (row < 0) row = ends.indexOf(Math.min(...ends));
    rows[row]?.push(bar);
    ends[row] = Math.max(ends[row] ?? last, last);
  }
  return { rows, most: rows.length < MOST_ROWS ? rows.length : atOnce(ordered) };
}

/** The largest number of bars at one time. */
function atOnce(bars: readonly { first: number; last: number }[]): number {
  const lasts = bars.map((bar) => bar.last).sort((one, other) => one - other);
  let ended = 0;
  let most = 0;
  bars.forEach(({ first }, begun) => {
    while ((lasts[ended] ?? first + 1) <= first) ended++;
    most = Math.max(most, begun + 1 - ended);
  });
  return most;
}
