import { describe, expect, it } from "vitest";
import { added, bytes, TAIL } from "../src/live/log";
import { inSight } from "../src/parts/sight";

describe("the rows in sight", () => {
  it("are few, of a list of any length", () => {
    expect(inSight(1_000_000, 40, 0, 800)).toEqual({ first: 0, last: 40 });
    expect(inSight(1_000_000, 40, 40_000, 800)).toEqual({ first: 990, last: 1030 });
    expect(inSight(5, 40, 0, 800)).toEqual({ first: 0, last: 5 });
    expect(inSight(3, 40, 90_000, 800)).toEqual({ first: 3, last: 3 });
  });
});

describe("the tail of an output", () => {
  it("keeps the newest lines whole", () => {
    const line = `${"x".repeat(99)}\n`;
    const tail = added({ text: "", cut: false }, line.repeat(1000));
    expect(tail.cut).toBe(true);
    expect(tail.text.length).toBeLessThanOrEqual(TAIL);
    expect(tail.text.startsWith("x".repeat(99))).toBe(true);
    expect(tail.text.endsWith(line)).toBe(true);
  });

  it("leaves out what steers a terminal, and nothing else", () => {
    expect(added({ text: "", cut: false }, "\u001b[1;31mred\u001b[0m\t<b>&\u0007\r\n").text).toBe("red\t<b>&\r\n");
  });

  it("is read from base64", () => expect(new TextDecoder().decode(bytes("5Lit5paH"))).toBe("中文"));
});
