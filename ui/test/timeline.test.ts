import { describe, expect, it } from "vitest";
import { type Bar, barOf, lanes, lateness } from "../src/timeline/bars";
import { marks, moved, spanOf, zoomed } from "../src/timeline/span";

function bar(id: string, due: number, finished?: number, more: Partial<Bar> = {}): Bar {
  return { id, namespace: "default", plan: "p", node: "n", status: "complete", reason: "", zone: "", due, created: due, started: due, finished, ...more };
}

describe("lanes", () => {
  const ids = (bars: Bar[], by: "plan" | "node" = "plan") =>
    lanes(bars, by, 1000).map((lane) => [lane.key, lane.most, lane.rows.map((row) => row.map((one) => one.id))]);

  it("put what overlaps below each other, and what does not beside", () => {
    expect(ids([bar("a", 0, 10), bar("b", 5, 15), bar("c", 10, 20)])).toEqual([["default/p", 2, [["a", "c"], ["b"]]]]);
  });
  it("count the waiting before a start as part of a bar", () => {
    expect(ids([bar("a", 0, 10), bar("b", 9, 30, { started: 20 })])).toEqual([["default/p", 2, [["a"], ["b"]]]]);
  });
  it("reach to now for what goes on", () => {
    expect(ids([bar("a", 0), bar("b", 999, 1000)])).toEqual([["default/p", 2, [["a"], ["b"]]]]);
  });
  it("stack nothing that was not at once, however near", () => {
    expect(ids([bar("a", 0, 1), bar("b", 1, 2), bar("c", 2, 2)])).toEqual([["default/p", 1, [["a", "b", "c"]]]]);
  });
  it("are by name, and leave out by node what had none", () => {
    const bars = [bar("a", 0, 1, { node: "y" }), bar("b", 0, 1, { node: "" }), bar("c", 0, 1, { node: "x" }), bar("d", 0, 1, { node: "x" })];
    expect(ids(bars, "node")).toEqual([
      ["x", 2, [["c"], ["d"]]],
      ["y", 1, [["a"]]],
    ]);
    const names: Readonly<Record<string, string>> = { x: "agent-10", y: "agent-9" };
    expect(lanes(bars, "node", 1, (key) => names[key] ?? "").map((lane) => lane.key)).toEqual(["y", "x"]);
  });
  it("lie below each other, and are no higher than a part of the screen however many ran at once", () => {
    const crowd = Array.from({ length: 300 }, (_, at) => bar(`b${at}`, at, 1000 + at));
    const [first, second] = lanes([...crowd, bar("z", 0, 1, { plan: "q" })], "plan", 2000);
    expect([first?.most, first?.rows.length, second?.most]).toEqual([300, 48, 1]);
    expect(second?.top).toBe(4 + 48 * 3 + 8);
    expect(first?.rows.flat()).toHaveLength(300);
    expect(lanes(Array.from({ length: 49 }, (_, at) => bar(`b${at}`, 10 * at, 10 * at + 9)), "plan", 2000)[0]?.most).toBe(1);
  });
});

describe("bars", () => {
  it("are late from due to begun, to the end of what never began, to now", () => {
    expect(lateness(bar("a", 10, 30, { started: 25 }), 99)).toBe(15);
    expect(lateness(bar("a", 10, 30, { started: undefined }), 99)).toBe(20);
    expect(lateness(bar("a", 10, undefined, { started: undefined }), 99)).toBe(89);
    expect(lateness(bar("a", 10, 30, { started: 5 }), 99)).toBe(0);
  });
  it("are read from what the server tells", () => {
    const told = barOf({ id: "a", plan_id: "p", created: "1970-01-01T00:00:01Z", status: "running" });
    expect([told.due, told.created, told.started, told.finished]).toEqual([1000, 1000, undefined, undefined]);
  });
});

describe("spans", () => {
  it("are zoomed around a point, within bounds", () => {
    expect(zoomed({ from: 0, until: 10_000 }, 0.5, 0.25)).toEqual({ from: 1250, until: 6250 });
    expect(zoomed({ from: 0, until: 2000 }, 0.001, 0)).toEqual({ from: 0, until: 1000 });
    expect(moved({ from: 0, until: 1000 }, -0.5)).toEqual({ from: -500, until: 500 });
  });
  it("come from an address that makes sense", () => {
    expect(spanOf("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")).toEqual({ from: 1767225600000, until: 1767229200000 });
    for (const [from, until] of [["", ""], ["x", "y"], ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"], ["1999-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]])
      expect(spanOf(from as string, until as string)).toBeUndefined();
  });
  it("stay within the years that the server knows", () => {
    expect(spanOf("+275760-09-12T23:00:00Z", "+275760-09-13T00:00:00Z")).toBeUndefined();
    expect(spanOf("-000001-01-01T00:00:00Z", "-000001-01-01T01:00:00Z")).toBeUndefined();
    const last = spanOf("9999-12-31T23:00:00Z", "9999-12-31T23:59:59Z");
    const later = moved(zoomed(last ?? { from: 0, until: 1 }, 1e9, 0.5), 10);
    expect(new Date(later.until).toISOString()).toBe("9999-12-31T23:59:59.999Z");
    expect(new Date(moved({ from: -62_135_596_800_000, until: -62_135_596_000_000 }, -1).from).toISOString()).toBe("0001-01-01T00:00:00.000Z");
  });
  it("have marks at whole times of the clock, no nearer than there is room", () => {
    const hour = 3_600_000;
    const ahead = (hours: number) => () => hours * hour;
    expect(marks({ from: 1, until: hour }, 600, 100, ahead(0))).toEqual({ step: 600_000, at: [1, 2, 3, 4, 5, 6].map((n) => n * 600_000) });
    expect(marks({ from: 0, until: 48 * hour }, 200, 100, ahead(2)).at).toEqual([22 * hour, 46 * hour]);
    expect(marks({ from: 0, until: 48 * hour }, 200, 100, ahead(5.5)).at).toEqual([18.5 * hour, 42.5 * hour]);
    expect(marks({ from: 0, until: 400 * 24 * hour }, 100, 90, ahead(0)).at.length).toBeLessThanOrEqual(2);
  });
  it("have marks at midnight on both sides of a day when the clock changes", () => {
    const hour = 3_600_000;
    const change = Date.parse("2026-03-29T01:00:00Z");
    const back = Date.parse("2026-10-25T01:00:00Z");
    const berlin = (at: number) => (at >= change && at < back ? 2 : 1) * hour;
    const days = (around: number) => marks({ from: around - 40 * hour, until: around + 40 * hour }, 300, 80, berlin).at.map((at) => new Date(at).toISOString().slice(5, 16));
    expect(days(change)).toEqual(["03-27T23:00", "03-28T23:00", "03-29T22:00"]);
    expect(days(back)).toEqual(["10-23T22:00", "10-24T22:00", "10-25T23:00"]);
    const half = marks({ from: change - 10 * hour, until: change + 10 * hour }, 500, 100, berlin);
    expect(half.at.map((at) => new Date(at + berlin(at)).getUTCHours())).toEqual([18, 0, 6, 12]);
  });
});
