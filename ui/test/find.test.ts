import { expect, test } from "vitest";
import { find, pieces } from "../src/live/find";

test("finds every place, in capitals or not, as text and not as a pattern", () => {
  expect(find("Error: error (ERROR)", "error").starts).toEqual([0, 7, 14]);
  expect(find("a.b axb a.b", "a.b").starts).toEqual([0, 8]);
  expect(find("[x]*\\ ", "]*\\").starts).toEqual([2]);
  expect(find("nothing", "")).toEqual({ starts: [], more: false });
  expect(find("İstanbul line", "line").starts).toEqual([9]);
});

test("says when there is more than it tells", () => {
  const found = find("a".repeat(5000), "a");
  expect([found.starts.length, found.more]).toEqual([2000, true]);
});

test("cuts the text so that nothing is lost", () => {
  const text = "one two one";
  const cut = pieces(text, find(text, "one").starts, 3);
  expect(cut.map((piece) => piece.text).join("")).toBe(text);
  expect(cut.map((piece) => piece.at)).toEqual([0, undefined, 1]);
  expect(pieces(text, [], 3)).toEqual([{ text, at: undefined }]);
  expect(pieces("", [], 3)).toEqual([]);
});
