import { describe, expect, it } from "vitest";
import { said, term } from "../src/text/why";

const paused = {
  code: "paused",
  text: "ops has paused the plan",
  since: "2026-03-28T12:00:00Z",
  facts: { by: "ops" },
  remedy: "plan_resume",
  remedy_text: "jobpoolctl plan resume nightly --ns default",
} as const;

describe("a finding", () => {
  it("is said in the server's words in English", () => {
    expect(said(paused, "en", "")).toEqual({ text: paused.text, remedy: paused.remedy_text, commands: [] });
  });

  it("is said by its code in Chinese, with its times in the zone, without what it does not tell", () => {
    expect(said(paused, "zh", "Asia/Shanghai")).toEqual({
      text: "ops 于 2026-03-28 20:00:00 +08:00 暂停了计划",
      remedy: "恢复计划",
      commands: ["jobpoolctl plan resume nightly --ns default"],
    });
    expect(said({ ...paused, facts: { by: "ops", note: "why" }, until: "2026-03-29T12:00:00Z" }, "zh", "UTC").text).toBe(
      "ops 于 2026-03-28 12:00:00 +00:00 暂停了计划，直到 2026-03-29 12:00:00 +00:00：why",
    );
  });

  it("says statuses, reasons and spans that it names in Chinese too", () => {
    const ended = { code: "ended", text: "", facts: { status: "failed", reason: "exit_nonzero", exit_code: "3" }, since: "2026-01-01T00:00:00Z" };
    expect(said(ended as never, "zh", "").text).toBe("它已于 2026-01-01 00:00:00 +00:00 结束：失败（退出码非零），退出码 3");
    expect(said({ code: "late", text: "", facts: { lateness_ms: "2300" } } as never, "zh", "").text).toBe("它比应开始的时间晚了 2.3 s");
  });

  it("names nodes as people do", () => {
    const running = { code: "running", text: "it runs on node 01ABC since then", facts: { node: "01ABC" }, since: "2026-01-01T00:00:00Z", until: "2026-01-01T01:00:00Z" };
    const nameOf = (node: string) => (node === "01ABC" ? "worker-$1" : node);
    expect(said(running as never, "en", "", nameOf).text).toBe("it runs on node worker-$1 since then");
    expect(said(running as never, "zh", "", nameOf).text).toContain("在节点 worker-$1 上运行");
    expect(said({ ...paused, text: "a node paused it" }, "en", "", nameOf).text).toBe("a node paused it");
  });

  it("names the commands one by one", () => {
    const remedy_text = "wait until it ends, or jobpoolctl job cancel A; jobpoolctl job explain A";
    const overlap = { code: "overlap", text: "", facts: { job: "A" }, remedy: "job_cancel", remedy_text };
    expect(said(overlap as never, "zh", "").commands).toEqual(["jobpoolctl job cancel A", "jobpoolctl job explain A"]);
  });

  it("of a later server's code is said as the server says it", () => {
    expect(said({ code: "later", text: "in its words" } as never, "zh", "").text).toBe("in its words");
    expect(term("later", "zh")).toBe("later");
    for (const word of ["constructor", "__proto__", "toString"]) {
      expect(term(word, "zh")).toBe(word);
      expect(said({ code: word, text: "in its words" } as never, "zh", "").text).toBe("in its words");
    }
  });
});
