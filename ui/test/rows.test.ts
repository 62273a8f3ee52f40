import { describe, expect, it } from "vitest";
import { inSight } from "../src/parts/sight";

describe("the rows in sight", () => {
  it("are few, of a list of any length", () => {
    expect(inSight(1_000_000, 40, 0, 800)).toEqual({ first: 0, last: 40 });
    expect(inSight(1_000_000, 40, 40_000, 800)).toEqual({ first: 990, last: 1030 });
    expect(inSight(5, 40, 0, 800)).toEqual({ first: 0, last: 5 });
    expect(inSight(3, 40, 90_000, 800)).toEqual({ first: 3, last: 3 });
  });
});
