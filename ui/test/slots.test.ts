import { describe, expect, it } from "vitest";
import { FREE, RUNNING, Slots, WAITING } from "../src/map/slots";

describe("slots", () => {
  it("gives the lowest that is free and keeps it to the end", () => {
    const slots = new Slots();
    expect(["a", "b", "c", "d"].map((id) => slots.put(id, WAITING))).toEqual([0, 1, 2, 3]);
    expect(slots.put("b", RUNNING)).toBe(1);
    expect(slots.drop("c")).toBe(2);
    expect(slots.drop("a")).toBe(0);
    expect(["e", "f", "g"].map((id) => slots.put(id, RUNNING))).toEqual([0, 2, 4]);
    expect(slots.at(2)).toBe("f");
  });

  it("gives no slot twice that was free when it was trimmed", () => {
    const slots = new Slots();
    for (const id of ["a", "b", "c", "d"]) slots.put(id, RUNNING);
    for (const id of ["c", "d", "b"]) slots.drop(id);
    slots.trim(2);
    expect(slots.used).toBe(2);
    slots.trim(0);
    expect(slots.used).toBe(1);
    expect(["e", "f", "g", "h"].map((id) => slots.put(id, WAITING))).toEqual([1, 2, 3, 4]);
    slots.drop("f");
    expect(["i", "j"].map((id) => slots.put(id, WAITING))).toEqual([2, 5]);
  });

  it("leads from run to run, both ways and around the end", () => {
    const slots = new Slots();
    for (const id of ["a", "b", "c", "d"]) slots.put(id, RUNNING);
    slots.drop("b");
    const any = () => true;
    expect([slots.seek(-1, 1, any), slots.seek(0, 1, any), slots.seek(3, 1, any)]).toEqual([0, 2, 0]);
    expect([slots.seek(4, -1, any), slots.seek(2, -1, any), slots.seek(0, -1, any)]).toEqual([3, 0, 3]);
    expect(slots.seek(0, 1, (id) => id === "d")).toBe(3);
    expect(slots.seek(0, 1, () => false)).toBeUndefined();
    expect(slots.seek(900, -1, any)).toBeDefined(); // beyond the end: the map was larger once
    expect(new Slots().seek(-1, 1, any)).toBeUndefined();
  });

  it("counts what it shows", () => {
    const slots = new Slots();
    slots.put("a", WAITING);
    slots.put("b", WAITING);
    slots.put("a", RUNNING);
    slots.drop("b");
    expect(slots.drop("b")).toBeUndefined();
    expect(slots.counts).toEqual([0, 0, 1, 0, 0]);
    expect(slots.cells[1]).toBe(FREE);
  });

  it("agrees with a dumb twin over many changes", () => {
    const slots = new Slots();
    const twin: (string | undefined)[] = [];
    let seed = 7;
    const dice = (sides: number) => (seed = (seed * 48271) % 2147483647) % sides;
    for (let round = 0; round < 5000; round++) {
      const id = `r${dice(300)}`;
      const at = twin.indexOf(id);
      if (dice(2) === 0) {
        const free = twin.indexOf(undefined);
        const wanted = at >= 0 ? at : free >= 0 ? free : twin.length;
        twin[wanted] = id;
        expect(slots.put(id, RUNNING)).toBe(wanted);
      } else {
        expect(slots.drop(id)).toBe(at >= 0 ? at : undefined);
        if (at >= 0) twin[at] = undefined;
      }
    }
    expect(slots.counts[RUNNING]).toBe(twin.filter(Boolean).length);
  });
});
