import { describe, expect, it } from "vitest";
import { added, bytes, EMPTY, TAIL } from "../src/live/log";

const all = (...pieces: string[]) => pieces.reduce(added, EMPTY);

describe("the tail of an output", () => {
  it("keeps the newest lines whole", () => {
    const line = `${"x".repeat(99)}\n`;
    const tail = all(line.repeat(1000));
    expect(tail.cut).toBe(true);
    expect(tail.text.length).toBeLessThanOrEqual(TAIL);
    expect(tail.text.startsWith("x".repeat(99))).toBe(true);
    expect(tail.text.endsWith(line)).toBe(true);
  });

  it("keeps the end of a line that is longer than all that is kept", () => {
    expect(all("x".repeat(3 * TAIL), "\n").text).toBe(`${"x".repeat(TAIL - 1)}\n`);
    expect(all(`${"x".repeat(3 * TAIL)}\nend`).text).toBe(`${"x".repeat(TAIL - 4)}\nend`);
  });

  it("cuts no character in two", () => {
    expect(all(`${"\u{1f4a3}".repeat(TAIL)}x`).text).toBe(`${"\u{1f4a3}".repeat(TAIL / 2 - 1)}x`);
  });

  it("leaves out what steers a terminal, and nothing else", () => {
    expect(all("\u001b[1;31mred\u001b[0m\t<b>&\u0007\r\n").text).toBe("red\t<b>&\n");
    expect(all("\u001b]0;a title\u0007a \u001b]8;;https://x/\u001b\\link\u001b]8;;\u001b\\ \u001bPq#0~\u001b\\\u001b(B\u001bcend\u009b2J").text).toBe("a link end");
    expect(all("\u001b]0;never ended\nnext").text).toBe("0;never ended\nnext");
  });

  it("is the same however it was cut", () => {
    const text = "one\r\ntwo\rthree\u001b[38;5;196mred\u001b[0m \u001b]8;;https://x/\u001b\\link\u001b]8;;\u0007 \u001bP1$r\u001b\\\u001b(0end\u0000\n";
    const whole = all(text).text;
    expect(whole).toBe("one\ntwo\nthreered link end\n");
    for (const size of [1, 2, 3, 7]) expect(all(...(text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [])).text).toBe(whole);
  });

  it("is not held back by an order that never ends", () => {
    expect(all(`\u001b[${"1".repeat(5000)}`, "2").text.length).toBeGreaterThan(5000);
  });

  it("is read from base64", () => expect(new TextDecoder().decode(bytes("5Lit5paH"))).toBe("中文"));
});
