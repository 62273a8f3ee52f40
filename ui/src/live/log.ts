/** The end of a run's output: what is there, then what is written while the run goes on. */
import { address, get, Refused, segment } from "../api/client";
import type { LogPiece, Refusal } from "../api/types";
import { hear } from "./sse";
import { pause } from "./stream";

/** Characters that are shown; what was before them is cut off. */
export const TAIL = 64 * 1024;
const SILENCE = 30_000; // the server says something every 15 s, as soon as the agent has answered
/** What terminals take as orders: colors, cursors, titles, links; and what else cannot be seen. */
const ORDERS = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b\n]*(?:\u0007|\u001b\\)|\u001b[PX^_][^\u001b\n]*\u001b\\|\u001b[ -/]*[0-~]|[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g;
/** The beginning of one, or of the end of a line, at the end of a piece. */
const BEGUN = /\r$|(?:\u001b\[|\u009b)[0-?]*[ -/]*$|\u001b\][^\u0007\u001b\n]*\u001b?$|\u001b[PX^_][^\u001b\n]*\u001b?$|\u001b[ -/]*$/;
const LONGEST_ORDER = 1024;
/** How far into what is kept a line may begin; one that is longer is cut. */
const LONGEST_LINE = 4096;

export interface Tail {
  readonly text: string;
  readonly cut: boolean;
  /** More was written than the agent keeps. */
  readonly dropped: boolean;
  /** What came last and means something only with what comes next. */
  readonly open: string;
}

export const EMPTY: Tail = { text: "", cut: false, dropped: false, open: "" };

/** Adds a piece; only the newest TAIL characters stay, from the beginning of a line where one is near. Pure. */
export function added(tail: Tail, piece: string): Tail {
  const all = tail.open + piece;
  const begun = BEGUN.exec(all)?.[0] ?? "";
  const open = begun.length <= LONGEST_ORDER ? begun : "";
  const text = tail.text + all.slice(0, all.length - open.length).replace(/\r\n?/g, "\n").replace(ORDERS, "");
  if (text.length <= TAIL) return { ...tail, text, open };
  const kept = text.slice(-TAIL);
  const line = kept.slice(0, LONGEST_LINE).indexOf("\n") + 1;
  return { ...tail, text: kept.slice(line).replace(/^[\udc00-\udfff]/, ""), cut: true, open };
}

export function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
}

/** Tells of a piece; `skipped`: there is output before the first one; `dropped`: more was written than the agent keeps. */
export type Tell = (piece: string, skipped: boolean, dropped: boolean) => void;

interface Place {
  readonly attempt: number;
  readonly offset: number;
}

/** Whose output. `live`: the run goes on, or is to begin. `begun`: it has had an attempt. */
export interface Source {
  readonly id: string;
  readonly live: boolean;
  readonly begun: boolean;
  /** This attempt alone; absent: the newest, and those after it. */
  readonly attempt?: number;
}

/** Tells of each piece until the output ends: while the run goes on, whatever breaks meanwhile. */
export async function readLog({ id, live, begun, attempt }: Source, tell: Tell, signal: AbortSignal): Promise<void> {
  if (!begun && !live) return;
  const reader = new LogReader(`jobs/${segment(id)}/logs`, tell, signal, attempt);
  if (!begun) reader.place = { attempt: 0, offset: 0 };
  for (let failures = 0; ; failures++) {
    const before = reader.place?.offset;
    try {
      await reader.begin();
      if (!live) return await reader.rest();
      if (await reader.follow()) return;
    } catch (error) {
      if (signal.aborted) return;
      if (!live || (error instanceof Refused && error.status < 500 && error.status !== 429)) throw error;
    }
    if (reader.place?.offset !== before) failures = 0;
    await new Promise((resolve) => setTimeout(resolve, pause(failures, Math.random())));
    if (signal.aborted) return;
  }
}

const LARGEST = 256 * 1024;

/** All output of one attempt (0: the newest) as it is there now, as its bytes; tells how many have come. */
export async function wholeLog({ id, attempt }: { id: string; attempt: number }, tell: (bytes: number) => void, signal: AbortSignal): Promise<Blob> {
  const path = `jobs/${segment(id)}/logs`;
  const parts: BlobPart[] = [];
  let place: Place = { attempt, offset: 0 };
  let size: number | undefined;
  for (;;) {
    const piece = await get<LogPiece>(path, { attempt: place.attempt || undefined, offset: place.offset, limit: LARGEST }, signal);
    if (piece.data) parts.push(bytes(piece.data) as Uint8Array<ArrayBuffer>);
    const next = Number(piece.next_offset ?? 0);
    size ??= Number(piece.size ?? 0);
    if (next <= place.offset || next >= size) break;
    place = { attempt: piece.attempt ?? place.attempt, offset: next };
    tell(next);
  }
  return new Blob(parts, { type: "text/plain" });
}

class LogReader {
  place: Place | undefined;
  private skipped = false;
  private size = 0;
  private decoder = new TextDecoder();

  constructor(
    private readonly path: string,
    private readonly tell: Tell,
    private readonly signal: AbortSignal,
    private readonly attempt?: number,
  ) {}

  /** Finds where the tail begins, unless that is known. */
  async begin(): Promise<void> {
    if (this.place) return;
    const first = await get<LogPiece>(this.path, { limit: 1, attempt: this.attempt }, this.signal);
    this.size = Number(first.size ?? 0);
    const offset = Math.max(0, this.size - TAIL);
    this.skipped = offset > 0;
    this.place = { attempt: first.attempt ?? 0, offset };
  }

  /** What was there at the beginning. */
  async rest(): Promise<void> {
    while (this.place && this.place.offset < this.size) {
      const before = this.place.offset;
      this.take(await get<LogPiece>(this.path, { ...this.place }, this.signal));
      if (this.place.offset === before) return;
    }
  }

  /** What comes, too. Whether the output has ended; if not, the stream was cut. */
  async follow(): Promise<boolean> {
    let ended = false;
    await hear(address(this.path, { ...this.place, follow: "true" }), {
      patience: SILENCE,
      signal: this.signal,
      take: (events) => {
        for (const event of events) {
          if (event.name === "output") this.take(JSON.parse(event.data) as LogPiece);
          else if (event.name === "end") ended = true;
          else if (event.name === "failed") throw new Refused(409, (JSON.parse(event.data) as Refusal).message);
        }
      },
    });
    return ended;
  }

  private take(piece: LogPiece): void {
    const attempt = piece.attempt ?? this.place?.attempt ?? 0;
    if (attempt !== this.place?.attempt) this.decoder = new TextDecoder();
    this.place = { attempt, offset: Number(piece.next_offset ?? 0) };
    const text = piece.data ? this.decoder.decode(bytes(piece.data), { stream: true }) : "";
    if (text || piece.truncated) this.tell(text, this.skipped, piece.truncated ?? false);
  }
}
