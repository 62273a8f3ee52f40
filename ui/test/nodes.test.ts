import { describe, expect, it } from "vitest";
import { seen, inUse } from "../src/live/nodes";

const there = () => true;

describe("what is seen of nodes", () => {
  it("is the newest of each", () => {
    const first = seen(new Map(), [{ id: "a", heard_at: "1" }, { id: "b", heard_at: "1" }], there);
    const second = seen(first, [{ id: "b", heard_at: "2" }], there);
    expect([...second.values()].map((one) => `${one.id}${one.heard_at}`)).toEqual(["a1", "b2"]);
    expect([...first.values()].map((one) => one.heard_at)).toEqual(["1", "1"]);
  });
  it("is the same when nothing was told", () => {
    const known = seen(new Map(), [{ id: "a" }], there);
    expect(seen(known, [], there)).toBe(known);
  });
  it("is not kept of a node that is gone, but is of one that is new", () => {
    const known = seen(new Map(), [{ id: "a" }, { id: "b" }], there);
    expect([...seen(known, [{ id: "new" }], (id) => id === "b").keys()]).toEqual(["b", "new"]);
  });
});

describe("what is in use", () => {
  const resources = { millicpus: 2500, millicpus_used: 250, memory: "8000000000", memory_used: "2000000000", disk: "100", disk_free: "30" };
  it("is counted in processors and in bytes", () => {
    expect(inUse(resources, "cpu")).toEqual({ used: 0.25, whole: 2.5 });
    expect(inUse(resources, "memory")).toEqual({ used: 2e9, whole: 8e9 });
    expect(inUse(resources, "disk")).toEqual({ used: 70, whole: 100 });
  });
  it("is not known when a part is not told, or there is nothing", () => {
    expect(inUse(undefined, "cpu")).toBeUndefined();
    expect(inUse({ millicpus: 2000 }, "cpu")).toBeUndefined();
    expect(inUse({ memory: "0", memory_used: "0" }, "memory")).toBeUndefined();
    expect(inUse({ disk_free: "3" }, "disk")).toBeUndefined();
  });
  it("of nothing is nothing, and never more than there is", () => {
    expect(inUse({ millicpus: 1000, millicpus_used: 0 }, "cpu")).toEqual({ used: 0, whole: 1 });
    expect(inUse({ disk: "5", disk_free: "9" }, "disk")).toEqual({ used: 0, whole: 5 });
  });
});
