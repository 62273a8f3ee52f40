import { describe, expect, it } from "vitest";
import type { Run } from "../src/live/store";
import type { Bar } from "../src/timeline/bars";
import { merged, MOST, type Told, type Wanted } from "../src/timeline/merge";

const ANY: Wanted = { by: "plan", namespace: "", plan_id: "", node_id: "", status: "", text: "" };
const SPAN = { from: 1000, until: 100_000 };
const time = (at: number) => new Date(at).toISOString();

function bar(id: string, created: number, finished?: number): Bar {
  return { id, namespace: "default", plan: "p", node: "n", status: finished ? "complete" : "running", reason: "", zone: "", due: created, created, started: created, finished };
}
function run(id: string, created: number, finished?: number, more: Partial<Run> = {}): Run {
  const ended = finished ? { status: "complete", finished: time(finished) } : { status: "running", finished: "" };
  return { id, namespace: "default", plan: "p", name: "p", executor: "noop", reason: "", node: "n", attempt: 1, due: time(created), created: time(created), started: time(created), zone: "", trigger: "schedule", ...ended, ...more };
}
const all = (bars: readonly Bar[]): Told => ({ bars, completeFrom: undefined });
const ids = (told: Told) => told.bars.map((one) => one.id).sort();

describe("the timeline's bars", () => {
  it("are those of the server, and what the stream has told since", () => {
    const told = merged(all([bar("a", 2000), bar("b", 3000, 4000)]), [[run("c", 5000)], [run("a", 2000, 6000)]], ANY, SPAN);
    expect(ids(told)).toEqual(["a", "b", "c"]);
    expect(told.bars.find((one) => one.id === "a")?.finished).toBe(6000);
  });
  it("leave when the span has moved on", () => {
    expect(ids(merged(all([bar("a", 2000, 3000), bar("b", 2000)]), [[run("c", 2000, 2500)]], ANY, { from: 4000, until: 5000 }))).toEqual(["b"]);
  });
  it("leave when they are not meant any more", () => {
    const told = all([bar("a", 2000)]);
    expect(ids(merged(told, [[run("a", 2000, 3000)]], { ...ANY, status: "running" }, SPAN))).toEqual([]);
    expect(ids(merged(told, [[run("a", 2000, undefined, { node: "m" })]], { ...ANY, node_id: "n" }, SPAN))).toEqual([]);
    expect(ids(merged(all([]), [[run("b", 2000, undefined, { name: "Nightly" }), run("c", 2000)]], { ...ANY, text: "NIGHT" }, SPAN))).toEqual(["b"]);
  });
  it("are by node those that have one", () => {
    const told = all([bar("a", 2000)]);
    expect(ids(merged(told, [[run("b", 2000, undefined, { node: "" }), run("c", 2000)]], { ...ANY, by: "node" }, SPAN))).toEqual(["a", "c"]);
  });
  it("are never more than are drawn: the newest, and from when on they are whole", () => {
    const many = Array.from({ length: MOST + 10 }, (_, at) => run(`r${at}`, 10_000 + at));
    const told = merged(all([]), [many], ANY, SPAN);
    expect([told.bars.length, told.completeFrom]).toEqual([MOST, 10_010]);
    expect(Math.min(...told.bars.map((one) => one.created))).toBe(10_010);
  });
  it("do not tell of what is older than what the server told whole", () => {
    expect(ids(merged({ bars: [bar("a", 9000)], completeFrom: 8000 }, [[run("old", 7000), run("new", 8500)]], ANY, SPAN))).toEqual(["a", "new"]);
  });
});
