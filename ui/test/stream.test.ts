import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Stream } from "../src/live/stream";

/** One call of the stream; the test is the server. */
class Call {
  body: ReadableStreamDefaultController<Uint8Array> | undefined;
  ended = false;
  private accept: (answer: Response) => void = () => undefined;
  readonly answered: Promise<Response>;

  constructor(
    readonly url: string,
    signal: AbortSignal,
  ) {
    this.answered = new Promise((resolve, reject) => {
      this.accept = resolve;
      signal.addEventListener("abort", () => {
        this.ended = true;
        reject(signal.reason);
        this.body?.error(signal.reason);
      });
    });
  }

  async answer(): Promise<void> {
    this.accept(new Response(new ReadableStream({ start: (body) => void (this.body = body) })));
    await settle();
  }

  async say(text: string): Promise<void> {
    this.body?.enqueue(new TextEncoder().encode(text));
    await settle();
  }
}

let calls: Call[];
let phases: string[];
let begun: boolean[];
let stream: Stream;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await vi.advanceTimersByTimeAsync(0);
}
const wait = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const call = (at: number) => calls[at] as Call;

/** A stream that is live at the place 1.7.0. */
async function live(): Promise<void> {
  void stream.run();
  await settle();
  await call(0).answer();
  await call(0).say("id: 1.7.0\n\n");
  expect(phases).toEqual(["connecting", "catching", "live"]);
}

beforeEach(() => {
  vi.useFakeTimers();
  calls = [];
  phases = [];
  begun = [];
  vi.stubGlobal("document", { documentElement: { lang: "en" } });
  vi.stubGlobal("fetch", (url: string, { signal }: { signal: AbortSignal }) => {
    const made = new Call(url, signal);
    calls.push(made);
    return made.answered;
  });
  stream = new Stream({
    begin: (anew) => begun.push(anew),
    take: () => undefined,
    phase: (phase) => phases.at(-1) !== phase && phases.push(phase),
  });
});
afterEach(() => {
  stream.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("the stream", () => {
  it("is lost when a server takes the call and never answers, and calls again", async () => {
    void stream.run();
    await wait(19_999);
    expect(phases).toEqual(["connecting"]);
    await wait(300);
    expect(phases).toEqual(["connecting", "lost"]);
    await settle();
    expect([call(0).ended, calls.length]).toEqual([true, 2]);
  });
  it("is lost when nothing is heard for long, and goes on behind what was heard last", async () => {
    await live();
    await wait(15_000);
    await call(0).say(": \n\n");
    await wait(15_000);
    expect(phases.at(-1)).toBe("live");
    await wait(6_000);
    await settle();
    expect(phases.at(-1)).toBe("lost");
    expect(call(1).url).toContain("after=1.7.0");
    await call(1).answer();
    await call(1).say("id: 1.9.0\n\n");
    expect(phases.at(-1)).toBe("live");
    expect(begun).toEqual([true, false]);
  });
  it("calls nobody while it is stopped, and is one stream however often it is run", async () => {
    await live();
    stream.stop();
    await wait(60_000);
    expect([calls.length, call(0).ended, phases.at(-1)]).toEqual([1, true, "live"]);
    void stream.run();
    void stream.run();
    await settle();
    expect(calls.filter((one) => !one.ended)).toHaveLength(1);
    await calls.at(-1)?.answer();
    await wait(0);
    expect(phases.at(-1)).toBe("catching");
  });
  it("does not wait for what should have been heard while the machine was asleep", async () => {
    await live();
    stream.hurry();
    await settle();
    expect(calls.length).toBe(1);
    vi.setSystemTime(Date.now() + 3_600_000);
    stream.hurry();
    await settle();
    expect([call(0).ended, phases.at(-1)]).toEqual([true, "lost"]);
    await wait(300);
    expect(calls.length).toBe(2);
  });
  it("is lost at once when the network is", async () => {
    await live();
    stream.lose();
    await settle();
    expect(phases.at(-1)).toBe("lost");
  });
});
