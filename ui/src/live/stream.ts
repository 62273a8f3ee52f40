/**
 * One stream of the server's changes, kept up for as long as somebody looks at the page.
 *
 * Not EventSource: that gives up for good on a refusal and cannot see the server's beats, so that a connection that
 * broke without a word would look live for ever.
 */
import { address } from "../api/client";
import type { ServerEvent } from "./events";
import { hear } from "./sse";

const SILENCE = 20_000; // the server beats every 15 s
const FIRST_WAIT = 250;
const LONGEST_WAIT = 5_000;
/** The header that names who answers: a place in one cluster means nothing in another that has taken its address. */
const CLUSTER = "x-jobpool-cluster";
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
  private cluster = "";
  private failures = 0;
  /** Of the stream that is kept up now. */
  private stopping: AbortController | undefined;
  private broken: AbortController | undefined;
  private heard = 0;
  private wake: (() => void) | undefined;

  constructor(private readonly listener: Listener) {}

  /** Until `stop`, or until it is run again. */
  async run(): Promise<void> {
    this.stop();
    const { signal } = (this.stopping = new AbortController());
    this.listener.phase(this.place ? "catching" : "connecting", "");
    while (!signal.aborted) {
      let reason = "";
      try {
        await this.once(signal);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
      if (signal.aborted) return;
      this.listener.phase("lost", reason);
      await this.rest(pause(this.failures++, Math.random()));
    }
  }

  stop(): void {
    this.stopping?.abort();
    this.wake?.();
  }

  /** The network is back, or the machine was asleep: try at once, and do not trust what should have been heard long ago. */
  hurry(): void {
    this.failures = 0;
    if (Date.now() - this.heard > SILENCE) this.lose();
    this.wake?.();
  }

  /** The network is gone: nothing will come of the stream that is there. */
  lose(): void {
    this.broken?.abort(new Error("no network"));
  }

  private async once(stopping: AbortSignal): Promise<void> {
    const broken = (this.broken = new AbortController());
    const after = this.place;
    this.heard = Date.now();
    await hear(address("watch", { kinds: KINDS, changes_only: "plan", brief: "true", snapshot: "true", after }), {
      patience: SILENCE,
      signal: AbortSignal.any([stopping, broken.signal]),
      begun: (head) => {
        this.belong(head.get(CLUSTER) ?? "");
        this.listener.begin(!after);
        this.listener.phase("catching", "");
      },
      take: (events) => this.take(events),
    });
  }

  /** Throws where another cluster answers than the one in which the place was reached. */
  private belong(cluster: string): void {
    const another = this.place !== "" && cluster !== this.cluster;
    this.cluster = cluster;
    if (!another) return;
    this.place = "";
    throw new Error("another cluster has taken this address");
  }

  private take(events: readonly ServerEvent[]): void {
    this.heard = Date.now();
    if (events.length === 0) return;
    this.listener.take(events);
    const place = events.findLast((event) => event.id)?.id;
    if (place === undefined) return;
    this.place = place;
    this.failures = 0;
    this.listener.phase("live", "");
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
