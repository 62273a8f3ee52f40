/** What the server told of a span, brought up to date by what the stream has told since. Pure. */
import { type Asked, fitter } from "../live/fits";
import type { Run } from "../live/store";
import { type Bar, barOfRun, type By } from "./bars";
import type { Span } from "./span";

/** As many bars are drawn; the server is asked for as many. */
export const MOST = 2000;

export interface Wanted extends Asked {
  readonly by: By;
}

export interface Told {
  readonly bars: readonly Bar[];
  /** Of what was created before it, bars are missing. */
  readonly completeFrom: number | undefined;
}

/** The newest bars of a span. What the stream knows of a run wins over what the server told of it before. */
export function merged(told: Told, streamed: readonly Iterable<Run>[], wanted: Wanted, span: Span): Told {
  const fits = fitter(wanted);
  const since = told.completeFrom ?? -Infinity;
  const found = new Map(told.bars.map((bar) => [bar.id, bar]));
  for (const runs of streamed)
    for (const run of runs) {
      const bar = barOfRun(run);
      if (bar.created >= since && (found.has(run.id) || fits(run))) found.set(run.id, bar); // the first holds for few where there are many
    }
  const meant = (bar: Bar) =>
    within(bar, span) && (!wanted.status || wanted.status === bar.status) && (!wanted.node_id || wanted.node_id === bar.node) && (wanted.by === "plan" || bar.node !== "");
  const bars = [...found.values()].filter(meant);
  if (bars.length <= MOST) return { bars, completeFrom: told.completeFrom };
  bars.sort((one, other) => other.created - one.created);
  return { bars: bars.slice(0, MOST), completeFrom: (bars[MOST]?.created ?? 0) + 1 };
}

function within(bar: Bar, span: Span): boolean {
  return bar.created <= span.until && (bar.finished === undefined || bar.finished >= span.from);
}
