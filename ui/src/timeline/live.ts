/** The bars of a span: what the server told of it, brought up to date by the stream. */
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api/client";
import type { TimelinePage } from "../api/types";
import { recoveries, store } from "../live";
import type { Run } from "../live/store";
import { type Bar, barOf, barOfRun, type By } from "./bars";
import type { Span } from "./span";

export interface Wanted {
  readonly by: By;
  readonly namespace: string;
  readonly plan_id: string;
  readonly node_id: string;
  readonly status: string;
  readonly text: string;
}

export interface Bars {
  readonly bars: readonly Bar[];
  readonly loading: boolean;
  readonly error: string;
  /** Of what was created before it, bars are missing. */
  readonly completeFrom: number | undefined;
  /** What the server's clock is ahead of ours, in ms. */
  readonly ahead: number;
}

const MOST = 2000;
const SETTLE = 200;
/** An end that the stream has not told: then it is asked for again, not more often than this. */
const ASK_AGAIN = 3000;

interface Told {
  readonly bars: readonly Bar[];
  readonly completeFrom: number | undefined;
  readonly ahead: number;
}

const NOTHING: Told = { bars: [], completeFrom: undefined, ahead: 0 };

/** `follows`: the span moves with the clock, so that only the stream brings what is new. */
export function useBars(wanted: Wanted, span: Span, follows: boolean): Bars {
  const [told, setTold] = useState(NOTHING);
  const [state, setState] = useState({ loading: true, error: "" });
  const [round, setRound] = useState(0);
  const asked = useRef({ span, late: 0 });
  asked.current.span = span;
  const length = span.until - span.from;
  const place = follows ? `follows ${length}` : `${span.from} ${span.until}`;
  const key = JSON.stringify(wanted);
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      setState((before) => ({ ...before, loading: true }));
      read(wanted, asked.current.span, follows, abort.signal).then(
        (page) => {
          setTold(page);
          setState({ loading: false, error: "" });
        },
        (error: unknown) => {
          if (!abort.signal.aborted) setState({ loading: false, error: error instanceof Error ? error.message : String(error) });
        },
      );
    }, SETTLE);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, place, round, recoveries.value]);
  const { bars, lost } = merged(told.bars, wanted, span);
  useEffect(() => {
    if (!lost || state.loading) return;
    const timer = setTimeout(() => setRound((before) => before + 1), ASK_AGAIN);
    return () => clearTimeout(timer);
  }, [lost, state.loading]);
  return { bars, ...state, completeFrom: told.completeFrom, ahead: told.ahead };
}

async function read(wanted: Wanted, span: Span, follows: boolean, signal: AbortSignal): Promise<Told> {
  const time = (at: number) => new Date(at).toISOString();
  const bounds = { from: time(span.from), ...(!follows && { until: time(span.until) }) };
  const page = await get<TimelinePage>("timeline", { ...wanted, ...bounds, limit: MOST }, signal);
  return {
    bars: (page.data ?? []).map(barOf),
    completeFrom: page.more && page.complete_from ? Date.parse(page.complete_from) : undefined,
    ahead: page.now ? Date.parse(page.now) - Date.now() : 0,
  };
}

/** What the stream knows wins. `lost`: a bar goes on that the stream does not know: its end was missed. */
function merged(told: readonly Bar[], wanted: Wanted, span: Span): { bars: Bar[]; lost: boolean } {
  const found = new Map(told.map((bar) => [bar.id, bar]));
  const take = (run: Run) => {
    if (found.has(run.id) || matches(run, wanted, span)) found.set(run.id, barOfRun(run));
  };
  for (const run of store.runs.values()) take(run);
  for (let at = store.ended.length - 1; at >= 0; at--) take(store.ended[at] as Run);
  const bars = [...found.values()].filter((bar) => !wanted.status || wanted.status === bar.status);
  return { bars, lost: store.whole.value && bars.some((bar) => bar.finished === undefined && !store.runs.has(bar.id)) };
}

function matches(run: Run, wanted: Wanted, span: Span): boolean {
  const text = wanted.text.toLowerCase();
  return (
    (!wanted.namespace || run.namespace === wanted.namespace) &&
    (!wanted.plan_id || run.plan === wanted.plan_id) &&
    (!wanted.node_id || run.node === wanted.node_id) &&
    (!wanted.status || run.status === wanted.status) &&
    (!text || run.plan.toLowerCase().includes(text) || run.name.toLowerCase().includes(text)) &&
    Date.parse(run.created) <= span.until &&
    (!run.finished || Date.parse(run.finished) >= span.from)
  );
}
