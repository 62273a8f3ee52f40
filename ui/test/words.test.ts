import { describe, expect, it } from "vitest";
import { en, type Key } from "../src/text/en";
import { DICTIONARIES, isKey, say } from "../src/text/words";

const names = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
const keys = Object.keys(en) as Key[];

describe("the dictionaries", () => {
  it("have the same keys", () => {
    expect(Object.keys(DICTIONARIES.zh).sort()).toEqual([...keys].sort());
  });

  it("say something under each, with the same names to fill in", () => {
    for (const key of keys) {
      expect(DICTIONARIES.zh[key].trim(), key).not.toBe("");
      expect(names(DICTIONARIES.zh[key]), key).toEqual(names(DICTIONARIES.en[key]));
    }
  });

  it("are Chinese where they are to be", () => {
    const plain = keys.filter((key) => !/[\u4e00-\u9fff]/.test(DICTIONARIES.zh[key]));
    expect(plain.sort()).toEqual(["map.of", "nav.api", "run.after"]);
  });

  it("have no keys but their own", () => {
    expect([isKey("map.of"), isKey("cell.junk"), isKey("toString"), isKey("__proto__")]).toEqual([true, false, false, false]);
  });

  it("fill names in and leave others alone", () => {
    expect(say(DICTIONARIES.en, "map.matches", { n: 3, total: 9 })).toBe("3 of 9 runs match");
    expect(say(DICTIONARIES.en, "map.slots")).toBe("{n} slots");
  });
});
