/** What the server says of a plan that is being written, without storing it. */
import { useEffect, useState } from "preact/hooks";
import { get, post, Refused, segment } from "../api/client";
import type { Preview } from "../api/types";

const PAUSE = 300;

export interface Check {
  /** Undefined while it is not known. */
  readonly valid: boolean | undefined;
  readonly refused: Refused | undefined;
  readonly fires: Preview | undefined;
}

const UNKNOWN: Check = { valid: undefined, refused: undefined, fires: undefined };

/** Asks a moment after the last change. `body` undefined: nothing to ask yet. */
export function useCheck(path: string, body: object | undefined, schedule: { namespace: string; id: string; query: Record<string, string> }): Check {
  const [state, setState] = useState(UNKNOWN);
  const key = JSON.stringify([path, body, schedule]);
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      const [refused, fires] = await Promise.all([body && refusalOf(post(path, { ...body, dry_run: true }, abort.signal)), next(schedule, abort.signal)]);
      if (!abort.signal.aborted) setState({ valid: body && !refused, refused, fires });
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key]);
  return state;
}

/** A server that cannot be reached has refused nothing. */
async function refusalOf(asked: Promise<unknown>): Promise<Refused | undefined> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof Refused) return error;
  }
  return undefined;
}

/** Undefined where the server would not take the schedule: the check of the whole plan says why. */
async function next({ namespace, id, query }: { namespace: string; id: string; query: Record<string, string> }, signal: AbortSignal): Promise<Preview | undefined> {
  if (!query["plan.periodic.spec"]) return undefined;
  try {
    return await get<Preview>(`plans/${segment(id || "preview")}/preview`, { namespace, n: 8, ...query }, signal);
  } catch {
    return undefined;
  }
}
