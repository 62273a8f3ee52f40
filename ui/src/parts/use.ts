/** Reading from the server for a view. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { recoveries } from "../live";

export interface Reading<Value> {
  readonly value: Value | undefined;
  readonly error: Error | undefined;
}

/** Reads anew when `keys` change and when the connection is back; what was read before stays until there is something newer. */
export function useReading<Value>(read: (signal: AbortSignal) => Promise<Value>, keys: readonly unknown[]): Reading<Value> {
  const [state, setState] = useState<Reading<Value>>({ value: undefined, error: undefined });
  useEffect(() => {
    const abort = new AbortController();
    read(abort.signal).then(
      (value) => abort.signal.aborted || setState({ value, error: undefined }),
      (error: unknown) => {
        if (!abort.signal.aborted) setState((before) => ({ ...before, error: error instanceof Error ? error : new Error(String(error)) }));
      },
    );
    return () => abort.abort();
  }, [...keys, recoveries.value]);
  return state;
}

/** Calls `look` before the element is seen first, and whenever its size has changed. */
export function useSize(element: { readonly current: HTMLElement | null }, look: (element: HTMLElement) => void): void {
  useLayoutEffect(() => {
    const { current } = element;
    if (!current) return;
    look(current);
    const observer = new ResizeObserver(() => look(current));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
}

/** The time, anew as each `step` (ms) begins. */
export function useClock(step: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setTimeout(() => setNow(Date.now()), step - (Date.now() % step));
    return () => clearTimeout(timer);
  }, [now]);
  return now;
}

/** The value as it was last, told at most once in so many milliseconds. */
export function useSettled<Value>(value: Value, pause: number): Value {
  const [told, tell] = useState(value);
  const newest = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  newest.current = value;
  useEffect(() => {
    if (value === told) return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      tell(newest.current);
    }, pause);
  }, [value, told]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return told;
}
