import { describe, expect, it } from "vitest";
import { ceiling, KEPT, line, NOTHING, told } from "../src/live/cluster";

const time = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000).toISOString();

describe("what is known of the cluster", () => {
  it("keeps one sample for each time and one event for each id, in order", () => {
    const first = told(NOTHING, { header: {}, samples: [{ time: time(2), ended: 1 }, { time: time(4) }], events: [{ id: "a", time: time(1), count: 1 }] });
    const second = told(first, { header: {}, samples: [{ time: time(4), ended: 7 }, { time: time(6) }], events: [{ id: "a", time: time(5), count: 3 }, { id: "b", time: time(3) }] });
    expect(second.samples.map((one) => one.ended)).toEqual([1, 7, undefined]);
    expect(second.events.map((one) => [one.id, one.count])).toEqual([["b", undefined], ["a", 3]]);
  });
  it("forgets samples that are older than ten minutes", () => {
    const known = told(told(NOTHING, { header: {}, samples: [{ time: time(0) }] }), { header: {}, samples: [{ time: time(KEPT / 1000) }] });
    expect(known.samples).toHaveLength(1);
  });
  it("has the numbers of the newest answer", () => {
    expect(told(told(NOTHING, { header: {}, term: "1" }), { header: {}, term: "2" }).now?.term).toBe("2");
  });
});

describe("a chart", () => {
  const box = { from: 0, to: 100_000, most: 10, width: 100, height: 50 };
  it("is a line from point to point", () => {
    expect(line([{ at: 0, value: 0 }, { at: 10_000, value: 10 }], box)).toBe("M0.0 50.0h0L10.0 0.0");
  });
  it("is broken where nothing is known, and where nothing was told for long", () => {
    expect(line([{ at: 0, value: 0 }, { at: 2_000, value: undefined }, { at: 4_000, value: 0 }, { at: 50_000, value: 0 }], box)).toBe("M0.0 50.0h0M4.0 50.0h0M50.0 50.0h0");
  });
  it("ends at a round number", () => {
    expect([0, 1, 1.5, 3, 17, 51, 100].map(ceiling)).toEqual([1, 1, 2, 5, 20, 100, 100]);
  });
});
