import { expect, it, vi } from "vitest";

vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
vi.stubGlobal("document", { documentElement: { dataset: {}, lang: "" } });
vi.stubGlobal("navigator", { language: "en" });
const { percent } = await import("../src/text");

it("says no part of nothing, and the whole", () => expect([percent(0, 0), percent(0, 9), percent(9, 9)]).toEqual(["0%", "0%", "100%"]));
it("says small parts and nearly the whole with a place more", () =>
  expect([percent(1, 3), percent(1, 30), percent(993, 1000)]).toEqual(["33%", "3.3%", "99.3%"]));
it("never says nothing of something, or all of less", () =>
  expect([percent(1, 100_000), percent(1, 1000), percent(999, 1000), percent(99_999, 100_000)]).toEqual(["<0.1%", "0.1%", "99.9%", ">99.9%"]));
