/** When nodes were heard and what their machines have: a stream of its own, only while a page shows nodes. */
import { useEffect, useState } from "preact/hooks";
import type { NodeSeen } from "../api/types";
import { store } from ".";
import { attended } from "./attention";
import { follow } from "./follow";
import { seen } from "./nodes";

const SILENCE = 40_000; // the server says something every 15 s

export interface Sight {
  readonly nodes: ReadonlyMap<string, NodeSeen>;
  /** Why nothing new is told; undefined while it is. */
  readonly broken: Error | undefined;
}

const NOTHING: Sight = { nodes: new Map(), broken: undefined };

/** What is seen of these nodes, up to a hundred; of all when none is named. */
export function useSight(ids: readonly string[]): Sight {
  const [sight, setSight] = useState(NOTHING);
  const looked = attended.value;
  useEffect(() => {
    if (!looked) return;
    const abort = new AbortController();
    const tell = (answer: { readonly data?: readonly NodeSeen[] }) => setSight(({ nodes }) => ({ nodes: seen(nodes, answer.data ?? [], (id) => store.nodes.has(id)), broken: undefined }));
    const broken = (why: Error) => setSight(({ nodes }) => ({ nodes, broken: why }));
    void follow({ path: "watch/nodes", query: { id: ids }, event: "nodes", patience: SILENCE }, tell, broken, abort.signal);
    return () => abort.abort();
  }, [ids.join("\n"), looked]);
  return sight;
}
