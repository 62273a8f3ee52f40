import { h, options, type VNode } from "preact";
import { describe, expect, it } from "vitest";
import { ownOf } from "../src/text/own";
import { install, plain } from "../src/text/plain";

describe("plain text", () => {
  it("has written out what would turn letters round, hide them or end the line", () => {
    expect(plain("ok\u202edeliaf\u2066x\u2069\u0000\u009b\u2028")).toBe("ok\\u202edeliaf\\u2066x\\u2069\\u0000\\u009b\\u2028");
  });

  it("is otherwise as it was", () => {
    for (const text of ["a\tb\nc", "中文", "שלום", "👩\u200d👧", "<b>&amp;</b>"]) expect(plain(text)).toBe(text);
  });

  it("is every text and every name of an element, and not what a field holds", () => {
    install();
    const text = "a\u202eb";
    const shown = "a\\u202eb";
    const drawn = { type: null, props: text };
    options.vnode?.(drawn as unknown as VNode);
    expect(drawn.props).toBe(shown);
    expect(h("td", { title: text, "aria-label": text, id: "x" }).props).toMatchObject({ title: shown, "aria-label": shown, id: "x" });
    expect(h("textarea", { value: text, placeholder: text }).props).toMatchObject({ value: text, placeholder: shown });
    const Part = ({ title }: { title: string }) => h("b", null, title);
    expect(h(Part, { title: text }).props).toMatchObject({ title: text });
  });
});

describe("a word in a table", () => {
  it("is not what every object has", () => {
    expect([ownOf({ a: 1 }, "a"), ownOf({ a: 1 }, "constructor"), ownOf({ a: 1 }, "__proto__")]).toEqual([1, undefined, undefined]);
  });
});
