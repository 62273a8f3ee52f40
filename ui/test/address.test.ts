import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Address } from "../src/address";

let written: string[];
let address: Address;

beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  address = new Address((text) => written.push(text));
});
afterEach(() => vi.useRealTimers());

async function dragged(seconds: number): Promise<void> {
  for (let frame = 1; frame <= 60 * seconds; frame++) {
    address.replace(`${frame}`);
    await vi.advanceTimersByTimeAsync(1000 / 60);
  }
}

it("writes a few changes at once", () => {
  for (const text of ["a", "b", "c"]) address.replace(text);
  expect(written).toEqual(["a", "b", "c"]);
});

it("writes fewer than a browser takes of very many, and the last one", async () => {
  await dragged(30);
  expect(written.length).toBeLessThan(90);
  await vi.advanceTimersByTimeAsync(400);
  expect(written.at(-1)).toBe("1800");
  await vi.advanceTimersByTimeAsync(60_000);
  const before = written.length;
  for (const text of ["a", "b", "c"]) address.replace(text);
  expect(written.slice(before)).toEqual(["a", "b", "c"]);
});

it("writes what is left when it is told to, and never when another address is there", async () => {
  await dragged(1);
  address.flush();
  expect(written.at(-1)).toBe("60");
  await dragged(1);
  const before = written.length;
  address.drop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(written).toHaveLength(before);
});
