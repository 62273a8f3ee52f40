/** The states of a run in their order, and what it did between them. Pure. */
import type { Allocation, Job } from "../api/types";
import { between } from "../time";

/** What goes on from a state to the next one. */
export type Phase = "late" | "waiting" | "starting" | "running" | "retrying" | "over";

export interface State {
  readonly name: "due" | "created" | "placed" | "started" | "tried" | "finished";
  readonly time: string;
  /** Of `placed`, `started` and `tried`: which attempt, where, and how it ended. */
  readonly attempt?: Allocation;
  readonly then: Phase;
}

/** `attempts`: all of them, the oldest first; undefined while they are not known. */
export function statesOf(job: Job, attempts: readonly Allocation[] | undefined): readonly State[] {
  const states: State[] = [];
  const add = (name: State["name"], time: string | undefined, then: Phase, attempt?: Allocation) => {
    if (time) states.push({ name, time, then, ...(attempt && { attempt }) });
  };
  add("due", job.scheduled_time, "late");
  add("created", job.create_time, "waiting");
  if (!attempts?.length) add("started", job.started_at, "running");
  attempts?.forEach((attempt, at) => {
    const ended = job.finished_at && at === attempts.length - 1;
    add("placed", attempt.create_time, "starting", attempt);
    add("started", attempt.started_at, "running", attempt);
    if (!ended) add("tried", attempt.finished_at, "retrying", attempt);
  });
  add("finished", job.finished_at, "over");
  return states;
}

export interface Part {
  readonly phase: Phase;
  readonly milliseconds: number;
}

/** How long each phase took, up to `now` (a time) for one that goes on; none that took no time. */
export function partsOf(states: readonly State[], now: string): readonly Part[] {
  return states
    .map((state, at) => ({ phase: state.then, milliseconds: between(state.time, states[at + 1]?.time ?? now) ?? 0 }))
    .filter((part) => part.phase !== "over" && part.milliseconds > 0);
}
