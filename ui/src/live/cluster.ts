/** The cluster as a whole: the stream of its numbers, and what is made of them. Pure but for `watchCluster`. */
import type { Cluster, ClusterEvent, ClusterSample } from "../api/types";
import { follow } from "./follow";

export const KEPT = 10 * 60_000;
export const EVENTS = 200;
const SILENCE = 10_000; // the server says something every 2 s

/** What is known: the newest numbers, and samples and events, the oldest first. */
export interface Known {
  readonly now: Cluster | undefined;
  readonly samples: readonly ClusterSample[];
  readonly events: readonly ClusterEvent[];
}

export const NOTHING: Known = { now: undefined, samples: [], events: [] };

/** What is known after one more answer: a sample stands for its time, an event for its id. Pure. */
export function told(known: Known, answer: Cluster): Known {
  const samples = new Map([...known.samples, ...(answer.samples ?? [])].map((one) => [one.time ?? "", one]));
  const events = new Map([...known.events, ...(answer.events ?? [])].map((one) => [one.id ?? "", one]));
  const sorted = [...samples.values()].sort((a, b) => at(a) - at(b));
  const oldest = at(sorted.at(-1)) - KEPT;
  return {
    now: answer,
    samples: sorted.filter((one) => at(one) > oldest),
    events: [...events.values()].sort((a, b) => at(a) - at(b)).slice(-EVENTS),
  };
}

export function at(one: { readonly time?: string } | undefined): number {
  return one?.time ? Date.parse(one.time) : 0;
}

export function watchCluster(tell: (answer: Cluster) => void, broken: (why: Error) => void, signal: AbortSignal): Promise<void> {
  return follow<Cluster>({ path: "cluster/watch", event: "cluster", patience: SILENCE }, tell, broken, signal);
}

export interface Point {
  readonly at: number;
  /** undefined: not known for that time. */
  readonly value: number | undefined;
}

/** The line through these points, as the `d` of a path in a box of that size: broken where nothing is known. Pure. */
export function line(points: readonly Point[], box: { from: number; to: number; most: number; width: number; height: number }): string {
  let path = "";
  let pen = false;
  let last = 0;
  for (const { at: time, value } of points) {
    if (value === undefined || time < box.from) {
      pen = false;
      continue;
    }
    const x = ((time - box.from) / (box.to - box.from)) * box.width;
    const y = box.height - (value / box.most) * box.height;
    const place = `${x.toFixed(1)} ${y.toFixed(1)}`;
    path += pen && time - last < 15_000 ? `L${place}` : `M${place}h0`; // a point that stands alone is a dot
    pen = true;
    last = time;
  }
  return path;
}

/** A round number that is not below `value`, for the top of a chart. Pure. */
export function ceiling(value: number): number {
  if (value <= 1) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * unit).find((step) => step >= value) ?? value;
}
