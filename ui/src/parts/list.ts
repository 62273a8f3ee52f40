/** A list of the server, read on piece by piece from where the answer before said. */
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api/client";
import { recoveries } from "../live";

interface Page<Item> {
  readonly data?: readonly Item[];
  readonly continue?: string;
  readonly known_from?: string;
}

export interface List<Item> {
  readonly items: readonly Item[];
  readonly loading: boolean;
  readonly error: string;
  /** Of what was before it some may be missing; empty where the server does not say so. */
  readonly knownFrom: string;
  /** Reads on, unless it is reading or at the end. */
  readonly more: () => void;
  readonly again: () => void;
  /** How often it was read from its beginning. */
  readonly reads: number;
}

const PIECE = 100;
type Query = Readonly<Record<string, string | readonly string[]>>;

export function useList<Item>(path: string, query: Query): List<Item> {
  const key = JSON.stringify(query);
  const [items, setItems] = useState<readonly Item[]>([]);
  const [state, setState] = useState({ loading: true, error: "", round: 0, reads: 0, knownFrom: "" });
  const next = useRef("");
  const busy = useRef<AbortController | undefined>(undefined);

  const read = async (from: string) => {
    const abort = new AbortController();
    busy.current?.abort();
    busy.current = abort;
    setState((before) => ({ ...before, loading: true, error: "", reads: before.reads + (from ? 0 : 1) }));
    try {
      const page = await get<Page<Item>>(path, { ...query, limit: PIECE, continue: from }, abort.signal);
      next.current = page.continue ?? "";
      setItems((before) => (from ? [...before, ...(page.data ?? [])] : (page.data ?? [])));
      busy.current = undefined;
      setState((before) => ({ ...before, loading: false, knownFrom: page.known_from ?? "" }));
    } catch (error) {
      if (abort.signal.aborted) return;
      busy.current = undefined;
      setState((before) => ({ ...before, loading: false, error: error instanceof Error ? error.message : String(error) }));
    }
  };
  useEffect(() => {
    next.current = "";
    void read("");
    return () => busy.current?.abort();
  }, [path, key, state.round, recoveries.value]);
  return {
    items,
    loading: state.loading,
    error: state.error,
    knownFrom: state.knownFrom,
    reads: state.reads,
    more: () => {
      if (next.current && !busy.current && !state.error) void read(next.current);
    },
    again: () => setState((before) => ({ ...before, round: before.round + 1 })),
  };
}
