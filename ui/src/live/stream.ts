/**
 * One stream of the server's changes, kept up for as long as the page is open.
 *
 * Not EventSource: that gives up for good on a refusal and cannot see the server's beats, so that a connection that
 * broke without a word would look live for ever.
 */
import { API, refusal } from "../api/client";
import { EventParser, type ServerEvent } from "./events";

const SILENCE = 40_000; // the server beats every 15 s
const FIRST_WAIT = 250;
const LONGEST_WAIT = 5_000;
const KINDS = "job,plan,namespace,node";

export type Phase = "connecting" | "catching" | "live" | "lost";

export interface Listener {
  /** A stream begins; `anew` with everything there is, as nothing is known yet. */
  begin(anew: boolean): void;
  /** Events, in order, as they came together. */
  take(events: readonly ServerEvent[]): void;
  phase(phase: Phase, reason: string): void;
}

/** How long to wait before the next try; `chance` is from 0 to 1. */
export function pause(failures: number, chance: number): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(failures, 10)) * (0.5 + chance / 2);
}

export class Stream {
  private place = "";
  private failures = 0;
  private stopped = false;
  private abort: AbortController | undefined;
  private wake: (() => void) | undefined;

  constructor(private readonly listener: Listener) {}

  /** Until `stop`. */
  async run(): Promise<void> {
    this.stopped = false;
    while (!this.stopped) {
      let reason = "";
      try {
        await this.once();
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
      if (this.stopped) return;
      this.listener.phase("lost", reason);
      await this.rest(pause(this.failures++, Math.random()));
    }
  }

  stop(): void {
    this.stopped = true;
    this.abort?.abort();
    this.wake?.();
  }

  /** Try at once: the network is back, or the page is looked at again. */
  hurry(): void {
    this.wake?.();
  }

  private async once(): Promise<void> {
    const abort = (this.abort = new AbortController());
    const query = new URLSearchParams({ kinds: KINDS, changes_only: "plan", brief: "true", snapshot: "true" });
    if (this.place) query.set("after", this.place);
    else this.listener.phase("connecting", "");
    const answer = await fetch(`${API}watch?${query}`, {
      signal: abort.signal,
      cache: "no-store",
      headers: { accept: "text/event-stream" },
    });
    if (!answer.ok || !answer.body) throw await refusal(answer);
    this.listener.begin(!this.place);
    this.listener.phase("catching", "");
    await this.read(answer.body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>), abort);
  }

  private async read(body: ReadableStream<string>, abort: AbortController): Promise<void> {
    const parser = new EventParser();
    const reader = body.getReader();
    for (;;) {
      const timer = setTimeout(() => abort.abort(new Error("silence")), SILENCE);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      const events = parser.take(value);
      if (events.length === 0) continue;
      this.listener.take(events);
      const place = events.findLast((event) => event.id)?.id;
      if (place === undefined) continue;
      this.place = place;
      this.failures = 0;
      this.listener.phase("live", "");
    }
  }

  private rest(time: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, time);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
