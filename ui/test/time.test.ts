import { describe, expect, it } from "vitest";
import { between, clockChange, inZone, offsetIn, span } from "../src/time";

describe("times", () => {
  it("are shown in the plan's zone with its offset, on both sides of a change of the clock", () => {
    expect(inZone("2026-03-29T00:59:59Z", "Europe/Berlin")).toBe("2026-03-29 01:59:59 +01:00");
    expect(inZone("2026-03-29T01:00:00Z", "Europe/Berlin")).toBe("2026-03-29 03:00:00 +02:00");
    expect(inZone("2026-10-25T00:30:00Z", "Europe/Berlin")).toBe("2026-10-25 02:30:00 +02:00");
    expect(inZone("2026-10-25T01:30:00Z", "Europe/Berlin")).toBe("2026-10-25 02:30:00 +01:00");
    expect(inZone("2026-11-22T22:05:27.123456789Z", "Asia/Kathmandu")).toBe("2026-11-23 03:50:27 +05:45");
    expect(inZone("2026-01-01T00:00:00Z", "America/St_Johns")).toBe("2025-12-31 20:30:00 -03:30");
  });

  it("are UTC where there is no zone or none of that name, and empty where there is no time", () => {
    expect(inZone("2026-11-22T00:00:00Z", "")).toBe("2026-11-22 00:00:00 +00:00");
    expect(inZone("2026-11-22T00:00:00Z", "No/Where")).toBe("2026-11-22 00:00:00 +00:00");
    expect(inZone(undefined, "UTC")).toBe("");
    expect(inZone("soon", "UTC")).toBe("");
  });

  it("are ahead of UTC by what their zone says then, or behind", () => {
    const minutes = (zone: string, time: string) => offsetIn(zone, Date.parse(time)) / 60_000;
    expect(minutes("Europe/Berlin", "2026-03-29T00:59:59Z")).toBe(60);
    expect(minutes("Europe/Berlin", "2026-03-29T01:00:00Z")).toBe(120);
    expect([minutes("Asia/Kathmandu", "2026-01-01T00:00:00Z"), minutes("America/St_Johns", "2026-01-01T00:00:00Z")]).toEqual([345, -210]);
    expect([minutes("UTC", "2026-01-01T00:00:00Z"), minutes("No/Where", "2026-01-01T00:00:00Z")]).toEqual([0, 0]);
  });

  it("are subtracted", () => {
    expect(between("2026-11-22T00:00:00Z", "2026-11-22T00:00:01.5Z")).toBe(1500);
    expect(between(undefined, "2026-11-22T00:00:01Z")).toBeUndefined();
  });
});

describe("a change of the clock", () => {
  it.each([
    ["2026-03-28T22:59:59Z", "Europe/Berlin", undefined],
    ["2026-03-28T23:00:00Z", "Europe/Berlin", "forward"],
    ["2026-03-29T01:00:00Z", "Europe/Berlin", "forward"],
    ["2026-03-29T21:59:59Z", "Europe/Berlin", "forward"],
    ["2026-03-29T22:00:00Z", "Europe/Berlin", undefined],
    ["2026-10-24T22:00:00Z", "Europe/Berlin", "back"],
    ["2026-10-25T22:59:59Z", "Europe/Berlin", "back"],
    ["2026-10-25T23:00:00Z", "Europe/Berlin", undefined],
    ["2026-10-04T13:30:00Z", "Australia/Lord_Howe", undefined],
    ["2026-10-03T20:00:00Z", "Australia/Lord_Howe", "forward"],
    ["2026-03-29T01:00:00Z", "UTC", undefined],
    ["2026-03-29T01:00:00Z", "No/Where", undefined],
  ])("at %s in %s: %s", (time, zone, change) => expect(clockChange(time, zone)).toBe(change));
});

describe("spans", () => {
  it.each([
    [0, "0 ms"],
    [15, "15 ms"],
    [999.6, "1.0 s"],
    [2300, "2.3 s"],
    [59_949, "59.9 s"],
    [59_960, "1 m 00 s"],
    [65_000, "1 m 05 s"],
    [7_380_000, "2 h 03 m"],
    [360_000_000, "4 d 4 h"],
    [-15, "-15 ms"],
  ])("%d is %s", (milliseconds, text) => expect(span(milliseconds)).toBe(text));
});
