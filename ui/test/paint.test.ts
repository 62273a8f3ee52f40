import { expect, it } from "vitest";
import { pixel } from "../src/map/paint";

it("reads colors as the build writes them", () => {
  expect(pixel("#fff")).toBe(pixel("#ffffff"));
  expect(pixel("#1a2")).toBe(pixel("#11aa22"));
  expect(pixel("#102030")).toBe(0xff302010);
  expect(pixel("#000000", "#fff", 0.5)).toBe(0xff808080);
});
