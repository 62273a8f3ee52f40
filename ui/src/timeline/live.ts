/** The bars of a span: what the server told of it, brought up to date by the stream. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get } from "../api/client";
import type { TimelinePage } from "../api/types";
import { recoveries, store } from "../live";
import { fitter } from "../live/fits";
import type { Run } from "../live/store";
import { type Bar, barOf } from "./bars";
import { merged, MOST, type Told, type Wanted } from "./merge";
import type { Span } from "./span";

export interface Bars {
  readonly bars: readonly Bar[];
  readonly loading: boolean;
  readonly error: string;
  /** Of what was created before it, bars are missing. */
  readonly completeFrom: number | undefined;
}

const SETTLE = 200;
/** An end that the stream has not told: then it is asked for again, not more often than this. */
const ASK_AGAIN = 3000;

const NOTHING: Told = { bars: [], completeFrom: undefined };

/** What the server's clock is ahead of ours, in ms; undefined: it was not asked yet. */
const ahead = signal<number | undefined>(undefined);

/** The server's time, as far as it is known. */
export function serverNow(): number {
  return Date.now() + (ahead.value ?? 0);
}

/** `follows`: the span moves with the clock, so that only the stream brings what is new. */
export function useBars(wanted: Wanted, span: Span, follows: boolean): Bars {
  const [told, setTold] = useState(NOTHING);
  const [state, setState] = useState({ loading: true, error: "" });
  const [round, setRound] = useState(0);
  const asked = useRef(span);
  asked.current = span;
  const length = span.until - span.from;
  const place = follows ? `follows ${length}` : `${span.from} ${span.until}`;
  const key = JSON.stringify(wanted);
  const ends = useEnds(wanted, key, () => setRound((before) => before + 1));
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      setState((before) => ({ ...before, loading: true }));
      const known = [...ends.keys()];
      read(wanted, asked.current, follows, abort.signal).then(
        (page) => {
          for (const id of known) ends.delete(id); // what had ended before it was asked, the server has told
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
  const { bars, completeFrom } = merged(told, [store.runs.values(), ends.values()], wanted, span);
  const lost = store.whole.value && bars.some((bar) => bar.finished === undefined && !store.runs.has(bar.id));
  useEffect(() => {
    if (!lost || state.loading) return;
    const timer = setTimeout(() => setRound((before) => before + 1), ASK_AGAIN);
    return () => clearTimeout(timer);
  }, [lost, state.loading]);
  return { bars, ...state, completeFrom };
}

/** The runs that have ended since the server was asked; `full` is called when there are so many that it is to be asked again. */
function useEnds(wanted: Wanted, key: string, full: () => void): Map<string, Run> {
  const ends = useMemo(() => new Map<string, Run>(), [key]);
  useEffect(() => {
    const fits = fitter({ ...wanted, status: "" }); // one that was told with another status is told again
    const note = (run: Run) => {
      if (!fits(run)) return;
      ends.delete(run.id);
      ends.set(run.id, run);
      if (ends.size % MOST === 0) full();
      const [oldest] = ends.keys();
      if (ends.size > 2 * MOST && oldest !== undefined) ends.delete(oldest);
    };
    store.listeners.add(note);
    return () => void store.listeners.delete(note);
  }, [ends]);
  return ends;
}

async function read(wanted: Wanted, span: Span, follows: boolean, signal: AbortSignal): Promise<Told> {
  const time = (at: number) => new Date(at).toISOString();
  if (follows && ahead.value === undefined) setClock(await get<TimelinePage>("timeline", { limit: 1 }, signal));
  const bounds = follows ? { from: time(serverNow() - (span.until - span.from)) } : { from: time(span.from), until: time(span.until) };
  const page = await get<TimelinePage>("timeline", { ...wanted, ...bounds, limit: MOST }, signal);
  setClock(page);
  return { bars: (page.data ?? []).map(barOf), completeFrom: page.more && page.complete_from ? Date.parse(page.complete_from) : undefined };
}

function setClock(page: TimelinePage): void {
  if (page.now) ahead.value = Date.parse(page.now) - Date.now();
}
