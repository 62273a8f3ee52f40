import { describe, expect, it } from "vitest";
import { EventParser } from "../src/live/events";
import { pause } from "../src/live/stream";

const TEXT = 'event: job\nid: 1.317.2\ndata: {"a":1}\n\n: hello\nid: 1.318.0\n\nevent: reset\ndata: {}\n\ndata: one\r\ndata: two\r\n\r\n:\n\n';
const EVENTS = [
  { name: "job", data: '{"a":1}', id: "1.317.2" },
  { name: "", data: "", id: "1.318.0" },
  { name: "reset", data: "{}", id: undefined },
  { name: "", data: "one\ntwo", id: undefined },
];

describe("server-sent events", () => {
  it("are the same however they are cut", () => {
    for (const size of [1, 2, 3, 7, 1000]) {
      const parser = new EventParser();
      const found = [];
      for (let at = 0; at < TEXT.length; at += size) found.push(...parser.take(TEXT.slice(at, at + size)));
      expect(found).toEqual(EVENTS);
    }
  });
});

describe("the pause before the next try", () => {
  it("grows to a bound and is spread by chance", () => {
    expect(pause(0, 1)).toBe(250);
    expect(pause(3, 1)).toBe(2000);
    expect(pause(99, 1)).toBe(5000);
    expect(pause(99, 0)).toBe(2500);
  });
});
