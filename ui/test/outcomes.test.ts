import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Outcomes } from "../src/live/outcomes";

let asked: string[];
let fails = false;
const outcomes = () =>
  new Outcomes(async (namespace, ids) => {
    asked.push(`${namespace}: ${ids.length > 3 ? ids.length : ids.join(" ")}`);
    if (fails) throw new Error("away");
    return ids.map((id) => ({ id, namespace, succeeded: asked.length }));
  });

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  fails = false;
});
afterEach(() => vi.useRealTimers());

it("asks once for all that come into sight together, by namespace", async () => {
  const all = outcomes();
  for (const id of ["a", "b", "a"]) all.want("default", id);
  all.want("ops", "c");
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toEqual(["default: a b", "ops: c"]);
  expect(all.of("default", "b")?.succeeded).toBe(1);
  expect(all.version.value).toBe(1);
});

it("asks for no more than fifty at once", async () => {
  const all = outcomes();
  for (let at = 0; at < 120; at++) all.want("default", `p${at}`);
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toEqual(["default: 50", "default: 50", "default: 20"]);
});

it("asks again when a run has ended, once a second however many end", async () => {
  const all = outcomes();
  all.want("default", "a");
  await vi.advanceTimersByTimeAsync(5000);
  for (let at = 0; at < 300; at++) {
    all.ended("default", "a");
    all.ended("default", "out of sight");
    await vi.advanceTimersByTimeAsync(10);
  }
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked.length).toBeGreaterThanOrEqual(3);
  expect(asked.length).toBeLessThanOrEqual(5);
  expect(new Set(asked)).toEqual(new Set(["default: a"]));
});

it("misses no end that comes while it asks or pauses", async () => {
  const all = outcomes();
  all.want("default", "a");
  await vi.advanceTimersByTimeAsync(1);
  all.ended("default", "a");
  await vi.advanceTimersByTimeAsync(3000);
  expect(asked).toHaveLength(2);
});

it("asks nothing for what is out of sight", async () => {
  const all = outcomes();
  const gone = all.want("default", "a");
  gone();
  all.ended("default", "a");
  all.again();
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toEqual([]);
});

it("keeps what it knows when nobody answers, and asks again when told to", async () => {
  const all = outcomes();
  all.want("default", "a");
  await vi.advanceTimersByTimeAsync(5000);
  fails = true;
  all.ended("default", "a");
  await vi.advanceTimersByTimeAsync(5000);
  expect(all.of("default", "a")?.succeeded).toBe(1);
  fails = false;
  all.again();
  await vi.advanceTimersByTimeAsync(5000);
  expect(all.of("default", "a")?.succeeded).toBe(3);
});
