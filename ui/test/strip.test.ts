import { describe, expect, it } from "vitest";
import { bars, MINUTE, moved, quarters, toCome } from "../src/map/strip";

describe("the strip of minutes", () => {
  it("shows the largest minute below each pixel", () => {
    const shown = bars([0, 4, 1, 0, 2, 2], new Set([1]), 3);
    expect(shown).toEqual([
      { part: 1, herd: true },
      { part: 0.25, herd: false },
      { part: 0.5, herd: false },
    ]);
  });
  it("stretches where there are more pixels than minutes", () => {
    expect(bars([1, 2], new Set(), 4).map((bar) => bar.part)).toEqual([0.5, 0.5, 1, 1]);
  });
  it("shows nothing where nothing starts", () => {
    expect(bars([0, 0], new Set(), 2).every((bar) => bar.part === 0)).toBe(true);
  });
  it("is marked at whole hours of the viewer's clock, on a day when it changes too", () => {
    const begin = Date.parse("2026-03-28T20:07:00Z");
    const at = (offset: (at: number) => number) => quarters(begin, 1440, offset).map((minute) => new Date(begin + minute * MINUTE).toISOString().slice(11, 16));
    expect(at(() => 0)).toEqual(["00:00", "06:00", "12:00", "18:00"]);
    expect(at(() => 345 * MINUTE)).toEqual(["00:15", "06:15", "12:15", "18:15"]);
    const change = Date.parse("2026-03-29T01:00:00Z");
    expect(at((time) => (time < change ? 60 : 120) * MINUTE)).toEqual(["23:00", "04:00", "10:00", "16:00"]);
  });
  it("loses the minutes that have passed", () => {
    const begin = 1_790_000_040_000;
    const read = { begin, counts: [4, 1, 7, 2], herds: [0, 2] };
    const at = begin + 20_000;
    expect(toCome(read, at, at + 39_999)).toEqual(read);
    expect(toCome(read, at, begin + MINUTE)).toEqual({ begin: begin + MINUTE, counts: [1, 7, 2], herds: [1] });
    expect(toCome(read, at, begin + 3 * MINUTE)).toEqual({ begin: begin + 3 * MINUTE, counts: [2], herds: [] });
    expect(toCome(read, at, begin + 90 * MINUTE)).toEqual({ begin: begin + 4 * MINUTE, counts: [], herds: [] });
    expect(toCome(read, begin + MINUTE, begin + MINUTE).counts).toEqual([1, 7, 2]);
  });
  it("counts minutes also by a clock that is wrong", () => {
    const begin = 1_790_000_040_000;
    const read = { begin, counts: [4, 1, 7], herds: [1] };
    for (const off of [-600, -1, 5, 600]) {
      const at = begin + off * MINUTE + 20_000;
      expect(toCome(read, at, at + 30_000)).toEqual(read);
      expect(toCome(read, at, at + MINUTE)).toEqual({ begin: begin + MINUTE, counts: [1, 7], herds: [0] });
    }
  });
  it("is walked over by keys, within its ends", () => {
    const herds = new Set([70, 3]);
    expect(moved(undefined, "ArrowRight", 100, herds)).toBe(0);
    expect(moved(0, "ArrowLeft", 100, herds)).toBe(0);
    expect(moved(5, "PageDown", 100, herds)).toBe(65);
    expect(moved(65, "PageDown", 100, herds)).toBe(99);
    expect(moved(undefined, "h", 100, herds)).toBe(3);
    expect(moved(3, "h", 100, herds)).toBe(70);
    expect(moved(70, "h", 100, herds)).toBe(3);
    expect(moved(5, "x", 100, herds)).toBeUndefined();
    expect(moved(undefined, "h", 100, new Set())).toBeUndefined();
  });
});
