import { describe, expect, it } from "vitest";
import { layout, slotAt, step } from "../src/map/layout";

describe("the layout of the map", () => {
  it("has room for every slot, at every width", () => {
    for (const width of [1, 200, 358, 1200, 3000])
      for (const count of [0, 1, 2, 7, 120, 5000, 100_000]) {
        const grid = layout(count, width, 460);
        expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(Math.max(1, count));
        expect(grid.columns * (grid.rows - 1)).toBeLessThan(Math.max(1, count));
        if (width >= 2) expect(grid.width).toBeLessThanOrEqual(width);
      }
  });

  it("takes the largest slots that fit, and grows in height when none do", () => {
    expect(layout(4, 1000, 460).side).toBe(26);
    expect(layout(5000, 1000, 460).height).toBeLessThanOrEqual(460);
    const full = layout(1_000_000, 400, 460);
    expect([full.side, full.columns, full.rows]).toEqual([2, 200, 5000]);
  });

  it("finds the slot at a point", () => {
    const grid = layout(120, 1000, 460);
    for (const slot of [0, 1, grid.columns, 119]) {
      const x = (slot % grid.columns) * grid.side;
      const y = Math.floor(slot / grid.columns) * grid.side;
      expect(slotAt(grid, 120, x, y)).toBe(slot);
      expect(slotAt(grid, 120, x + grid.side - 0.5, y + grid.side - 0.5)).toBe(slot);
    }
    expect(slotAt(grid, 120, grid.width, 0)).toBeUndefined();
    expect(slotAt(grid, 120, -1, 0)).toBeUndefined();
    expect(slotAt(grid, 120, grid.width - 1, grid.height - 1)).toBeUndefined();
  });

  it("is walked by keys and never left by them", () => {
    const grid = layout(120, 1000, 460);
    expect(step(grid, 120, 5, "ArrowRight")).toBe(6);
    expect(step(grid, 120, 5, "ArrowDown")).toBe(5 + grid.columns);
    expect(step(grid, 120, 5, "ArrowUp")).toBe(0);
    expect(step(grid, 120, 119, "PageDown")).toBe(119);
    expect(step(grid, 120, 0, "End")).toBe(119);
    expect(step(grid, 120, 0, "a")).toBeUndefined();
    expect(["ArrowDown", "PageUp", "Home", "End", "a"].map((key) => step(grid, 120, undefined, key))).toEqual([0, 0, 0, 119, undefined]);
  });
});
