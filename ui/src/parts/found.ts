/** The live runs that a page's filter means. */
import { useLayoutEffect, useMemo } from "preact/hooks";
import { store } from "../live";
import type { Run } from "../live/store";
import { Found } from "../map/found";

/** Counted once for each `key`, which stands for what `matches` means; then kept up to date as the stream tells of runs. */
export function useFound(matches: ((run: Run) => boolean) | undefined, key: string): Found | undefined {
  const found = useMemo(() => matches && new Found(matches, store.runs.values()), [key]);
  useLayoutEffect(() => {
    if (!found) return;
    store.followers.add(found.follow);
    return () => void store.followers.delete(found.follow);
  }, [found]);
  return found;
}
