import { expect, it } from "vitest";
import type { Allocation } from "../src/api/types";
import { partsOf, statesOf } from "../src/live/states";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
const names = (states: ReturnType<typeof statesOf>) => states.map((state) => `${state.name}${state.attempt?.attempt ?? ""}`);
const phases = (states: ReturnType<typeof statesOf>, now = 99) => partsOf(states, at(now)).map((part) => `${part.phase} ${part.milliseconds / 1000}`);

const job = { scheduled_time: at(0), create_time: at(1) };
const tried: readonly Allocation[] = [
  { attempt: 1, create_time: at(2), started_at: at(3), finished_at: at(5), client_status: "failed" },
  { attempt: 2, create_time: at(9), started_at: at(10), finished_at: at(14), client_status: "complete" },
];

it("tells every attempt of a run that was tried again, and its end once", () => {
  const states = statesOf({ ...job, started_at: at(10), finished_at: at(14), status: "complete" }, tried);
  expect(names(states)).toEqual(["due", "created", "placed1", "started1", "tried1", "placed2", "started2", "finished"]);
  expect(phases(states)).toEqual(["late 1", "waiting 1", "starting 1", "running 2", "retrying 4", "starting 1", "running 4"]);
});

it("goes on to now while the run does", () => {
  const states = statesOf(job, [tried[0]!]);
  expect(names(states)).toEqual(["due", "created", "placed1", "started1", "tried1"]);
  expect(phases(states, 8)).toEqual(["late 1", "waiting 1", "starting 1", "running 2", "retrying 3"]);
  expect(phases(statesOf(job, []), 4)).toEqual(["late 1", "waiting 3"]);
});

it("knows of a start before the attempts are read, and of a run that was never placed", () => {
  expect(names(statesOf({ ...job, started_at: at(2) }, undefined))).toEqual(["due", "created", "started"]);
  expect(names(statesOf({ ...job, finished_at: at(1), status: "skipped" }, []))).toEqual(["due", "created", "finished"]);
});
